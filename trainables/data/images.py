"""What a data set is once it is loaded."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Literal

import numpy as np
import numpy.typing as npt

from trainables.common import printable
from trainables.data.image_files import Pixels, content

DEALING = ("test", "validation", "train")
TEST, VALIDATION, TRAIN = range(3)  # places in DEALING
PART_OF_NAME = {  # a folder above the classes, or a value in a table's column `split` -> what it stands for
    **dict.fromkeys(("train", "training"), TRAIN),
    **dict.fromkeys(("val", "valid", "validation"), VALIDATION),
    **dict.fromkeys(("test", "testing"), TEST),
}


@dataclass(frozen=True)
class LeftOut:
    """A file that is not part of a data set, and why.

    Attributes:
        name: of the file, below the data set's folder.
        reason: as it is printed, such as "not a whole image (...)".
        kind: "duplicate" has the bytes of another file of its class, "conflict" those of a file of another class;
            "unlabelled" is what no row of the table of labels names.
    """

    name: str
    reason: str
    kind: Literal["duplicate", "conflict", "unlabelled", "other"] = "other"

    def __str__(self) -> str:
        return printable(f"{self.name}: {self.reason}")


@dataclass(frozen=True)
class Images:
    """A labelled image data set, in memory or (`ImageFiles`) on disk.

    Attributes:
        pixels: uint8 (images, channels, height, width).
        labels: int64 (images,), index into `class_names`.
        class_names: the data set's own class names.
        sample_names: one name per image, unique within the data set.
        official_test: bool (images,): belongs to the published test set; None where there is no such split.
        series: int64 (images,): photos with one number are neighbours in a series and likely show the same object; -1
            at a border between two such blocks; None where photos are in no order. `data.split=blocked` uses it.
        groups: int64 (images,): images with one number belong together (one plant, one patient), and no image is
            without; None where nothing is known of that. `data.split=grouped` uses it.
        parts: int64 (images,): TEST, VALIDATION or TRAIN as the folders or the table of somebody's own images say; None
            where they say nothing. `data.split=given` uses it.
        merged: names that stand for several classes, such as "unhealthy".
        left_out: files that are not part of it.
    """

    pixels: Pixels
    labels: npt.NDArray[np.int64]
    class_names: tuple[str, ...]
    sample_names: tuple[str, ...]
    official_test: npt.NDArray[np.bool_] | None = None
    series: npt.NDArray[np.int64] | None = None
    groups: npt.NDArray[np.int64] | None = None
    parts: npt.NDArray[np.int64] | None = None
    merged: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    left_out: tuple[LeftOut, ...] = ()

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
