"""What a data set is once it is loaded."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
import numpy.typing as npt

from trainables.data.image_files import Pixels, content


@dataclass(frozen=True)
class Images:
    """A labelled image data set, in memory or (`ImageFiles`) on disk.

    Attributes:
        pixels: uint8 (images, channels, height, width).
        labels: int64 (images,), index into `class_names`.
        class_names: the data set's own class names.
        sample_names: one name per image, unique within the data set.
        official_test: bool (images,): belongs to the published test set; None where there is no such split.
        blocks: int64 (images,): photos with one number are neighbours in a series and likely show the same object;
            -1 lies at a border between blocks; None where there is no series.
        merged: names that stand for several classes, such as "unhealthy".
        left_out: files that are not part of it, each with the reason.
    """

    pixels: Pixels
    labels: npt.NDArray[np.int64]
    class_names: tuple[str, ...]
    sample_names: tuple[str, ...]
    official_test: npt.NDArray[np.bool_] | None = None
    blocks: npt.NDArray[np.int64] | None = None
    merged: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    left_out: tuple[str, ...] = ()

    @property
    def shape(self) -> tuple[int, int, int]:
        """(channels, height, width) of one image."""
        channels, height, width = self.pixels.shape[1:]
        return channels, height, width

    @cached_property
    def fingerprint(self) -> str:
        """Returns 16 hexadecimal digits of a SHA-256 over pixels, labels and names: equal data, equal fingerprint."""
        digest = hashlib.sha256(repr((self.pixels.shape, self.class_names)).encode())
        digest.update(content(self.pixels))
        for array in (self.labels, self.official_test):
            digest.update(b"" if array is None else np.ascontiguousarray(array).data)
        digest.update("\n".join(self.sample_names).encode())
        return digest.hexdigest()[:16]
