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
class Part:
    """One split: values (n, ...), labels (n,) on the device, positions in the data set (n,) on the CPU.

    Values are uint8 pixels or float features on the device, or the data set's files.
    """

    values: Tensor | ImageFiles
    labels: Tensor
    positions: Tensor

    def batches(self, order: Tensor, size: int) -> Iterator[tuple[Tensor, Tensor]]:
        """Yields float images (batch, c, h, w) in [0, 1], or features (batch, units) as they are, and their labels."""
        batches = order.split(size)
        chosen = (self.values[b] for b in batches) if isinstance(self.values, Tensor) else self._read(batches)
        for values, batch in zip(chosen, batches, strict=True):
            yield values if values.is_floating_point() else values.float() / 255, self.labels[batch]

    def _read(self, batches: Sequence[Tensor]) -> Iterator[Tensor]:
        """Yields pixels from disk, the next batch being decoded while one is used."""
        assert isinstance(self.values, ImageFiles)
        positions = [self.positions[batch.cpu()].numpy() for batch in batches]
        with ThreadPoolExecutor(max_workers=1) as reader:
            coming = [reader.submit(self.values.__getitem__, p) for p in positions[:1]]
            for following in [*positions[1:], None]:
                pixels = coming.pop().result()
                if following is not None:
                    coming.append(reader.submit(self.values.__getitem__, following))
                yield torch.from_numpy(pixels).to(self.labels.device)


def to_device(inputs: Inputs, split: Split, part: str, device: torch.device) -> Part:
    """Returns a part of a split ("train", "validation" or "test"): features where there are any, else pixels."""
    positions: np.ndarray[tuple[int], np.dtype[np.int64]] = getattr(split, part)
    source = inputs.images.pixels if inputs.features is None else inputs.features
    values = source if isinstance(source, ImageFiles) else torch.from_numpy(source[positions]).to(device)
    return Part(values, torch.from_numpy(split.classes[positions]).to(device), torch.from_numpy(positions))
