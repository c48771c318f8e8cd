"""A split's images on the device, handed out in batches; images that stay on disk are decoded one batch ahead."""

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from trainables.data import ImageFiles, Split
from trainables.training.inputs import Inputs


@dataclass(frozen=True)
class SplitImages:
    """The images of one split of one seed, and their labels.

    Attributes:
        values: uint8 pixels (n, c, h, w) or float features (n, units) on the device; or the whole data set's files.
        labels: (n,) int64 on the device.
        positions: (n,) in the data set, on the CPU.
    """

    values: Tensor | ImageFiles
    labels: Tensor
    positions: Tensor

    def batches(self, order: Tensor, size: int) -> Iterator[tuple[Tensor, Tensor]]:
        """Yields the images that `order` (m,) names by their place in this split, `size` of them at a time.

        Yields:
            Float images (batch, c, h, w) in [0, 1], or features (batch, units) as they are; labels (batch,).
        """
        places_of_batches = order.split(size)
        values_of_batches = self._values(places_of_batches)
        for values, places in zip(values_of_batches, places_of_batches, strict=True):
            yield values if values.is_floating_point() else values.float() / 255, self.labels[places]

    def _values(self, places_of_batches: Sequence[Tensor]) -> Iterator[Tensor]:
        if isinstance(self.values, ImageFiles):
            positions = [self.positions[places.cpu()].numpy() for places in places_of_batches]
            return _read_ahead(self.values, positions, self.labels.device)
        values = self.values
        return (values[places] for places in places_of_batches)


def load_split_images(inputs: Inputs, split: Split, name: str, device: torch.device) -> SplitImages:
    """Returns the "train", "validation" or "test" images of a split: features where there are any, else pixels."""
    positions: np.ndarray[tuple[int], np.dtype[np.int64]] = getattr(split, name)
    source = inputs.images.pixels if inputs.features is None else inputs.features
    values = source if isinstance(source, ImageFiles) else torch.from_numpy(source[positions]).to(device)
    return SplitImages(values, torch.from_numpy(split.classes[positions]).to(device), torch.from_numpy(positions))


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
