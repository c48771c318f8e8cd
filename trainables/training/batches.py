"""A split's images on the device, handed out in batches; images that stay on disk are decoded one batch ahead."""

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

from trainables.data import ImageFiles, Split
from trainables.training.inputs import Inputs


@dataclass(frozen=True)
class SplitImages:
    """The images of one split, and their labels, of the members of a stack: as many as the largest has, then padding.

    Attributes:
        values: uint8 pixels (members, n, c, h, w) or float features (members, n, units) on the device; or, of one
            member, the whole data set's files.
        labels: (members, n) int64 on the device.
        positions: per member, (images,) in the data set, on the CPU.
    """

    values: Tensor | ImageFiles
    labels: Tensor
    positions: Sequence[Tensor]

    def num_images(self, member: int) -> int:
        """Returns how many images a member has."""
        return len(self.positions[member])

    def members_of_one_size(self, members: Sequence[int]) -> list[list[int]]:
        """Returns the members in groups that have as many images, at least one: what can be measured at once."""
        groups: dict[int, list[int]] = {}
        for member in members:
            groups.setdefault(self.num_images(member), []).append(member)
        return [group for size, group in groups.items() if size]

    def batches(self, order: Tensor, sizes: int | list[int]) -> Iterator[tuple[Tensor, Tensor]]:
        """Yields the images that `order` (members, m) names by their place in this split, `sizes` at a time.

        Yields:
            Float images (members, batch, c, h, w) in [0, 1], or features (members, batch, units) as they are; labels
            (members, batch).
        """
        places_of_batches = order.split(sizes, dim=1)
        values_of_batches = self._values(places_of_batches)
        for values, places in zip(values_of_batches, places_of_batches, strict=True):
            if not values.is_floating_point():
                values = values.to(torch.get_default_dtype()).div_(255)
            yield values, self.labels.gather(1, places)

    def _values(self, places_of_batches: Sequence[Tensor]) -> Iterator[Tensor]:
        if isinstance(self.values, ImageFiles):
            (own,) = self.positions
            positions = [own[places[0].cpu()].numpy() for places in places_of_batches]
            return (pixels[None] for pixels in _read_ahead(self.values, positions, self.labels.device))
        rows, (members, num_images) = self.values.flatten(0, 1), self.labels.shape
        starts = torch.arange(members, device=self.labels.device)[:, None] * num_images  # of each member's rows
        shape = self.values.shape[2:]
        return (
            rows.index_select(0, (places + starts).flatten()).view(*places.shape, *shape)
            for places in places_of_batches
        )


def load_split_images(inputs: Inputs, splits: Sequence[Split], name: str, device: torch.device) -> SplitImages:
    """Returns the "train", "validation" or "test" images of the members' splits: features where there are any."""
    positions: list[np.ndarray[tuple[int], np.dtype[np.int64]]] = [getattr(split, name) for split in splits]
    labels = [torch.from_numpy(split.classes[own]) for split, own in zip(splits, positions, strict=True)]
    source = inputs.images.pixels if inputs.features is None else inputs.features
    if isinstance(source, ImageFiles):
        values: Tensor | ImageFiles = source
    else:
        values = _side_by_side([torch.from_numpy(source[own]) for own in positions]).to(device)
    return SplitImages(values, _side_by_side(labels).to(device), [torch.from_numpy(own) for own in positions])


def _side_by_side(values_of_members: Sequence[Tensor]) -> Tensor:
    if len(values_of_members) == 1:
        return values_of_members[0][None]  # a view: the images of a backbone may be large
    return pad_sequence(list(values_of_members), batch_first=True)


def _read_ahead(
    files: ImageFiles, positions_of_batches: Sequence[np.ndarray[tuple[int], np.dtype[np.int64]]], device: torch.device
) -> Iterator[Tensor]:
    """Yields pixels from disk, the next batch being decoded while one is used."""
    with ThreadPoolExecutor(max_workers=1) as reader:
        pending = [reader.submit(files.__getitem__, positions) for positions in positions_of_batches[:1]]
        for next_positions in [*positions_of_batches[1:], None]:
            pixels = pending.pop().result()
            if next_positions is not None:
                pending.append(reader.submit(files.__getitem__, next_positions))
            yield torch.from_numpy(pixels).to(device)
