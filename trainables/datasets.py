"""Data sets: name -> uint8 images, labels and sample names. Everything that fits in memory stays there."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import numpy.typing as npt

from trainables.errors import DataError


@dataclass(frozen=True)
class Images:
    """A labelled image data set in memory.

    Attributes:
        pixels: uint8 (images, channels, height, width).
        labels: int64 (images,), index into `class_names`.
        class_names: the data set's own class names.
        sample_names: one name per image, unique within the data set.
        official_test: bool (images,): belongs to the published test set; None where there is no such split.
    """

    pixels: npt.NDArray[np.uint8]
    labels: npt.NDArray[np.int64]
    class_names: tuple[str, ...]
    sample_names: tuple[str, ...]
    official_test: npt.NDArray[np.bool_] | None = None

    @property
    def shape(self) -> tuple[int, int, int]:
        """(channels, height, width) of one image."""
        channels, height, width = self.pixels.shape[1:]
        return channels, height, width

    def fingerprint(self) -> str:
        """Returns 16 hexadecimal digits of a SHA-256 over pixels, labels and names: equal data, equal fingerprint."""
        digest = hashlib.sha256(repr((self.pixels.shape, self.class_names)).encode())
        for array in (self.pixels, self.labels, self.official_test):
            digest.update(b"" if array is None else np.ascontiguousarray(array).data)
        digest.update("\n".join(self.sample_names).encode())
        return digest.hexdigest()[:16]


def load(source: str, data_root: Path) -> Images:
    """Returns the data set called `source`; `data_root` is where files that are not embedded lie or are put.

    Raises:
        DataError: unknown source, files that are missing and cannot be downloaded, files that are damaged.
    """
    if source not in DATASETS:
        raise DataError(f"unknown data set {source!r}; allowed: {', '.join(DATASETS)}")
    return DATASETS[source](data_root)


def _digits(data_root: Path) -> Images:
    """scikit-learn's 1797 8x8 digits (UCI optdigits test set), 17 grey levels spread over 0..255."""
    from sklearn.datasets import load_digits

    bunch = load_digits()
    pixels = np.rint(bunch.images * (255 / 16)).astype(np.uint8)[:, None]
    return Images(pixels, bunch.target.astype(np.int64), _DIGIT_NAMES, tuple(map(str, range(len(pixels)))))


def _mnist(data_root: Path) -> Images:
    """MNIST by torchvision's layout `<data_root>/MNIST/raw`: read where it is, else downloaded."""
    train, test = _mnist_part(data_root, "train"), _mnist_part(data_root, "test")
    names = [f"{part}/{i}" for part, (images, _) in (("train", train), ("test", test)) for i in range(len(images))]
    return Images(
        np.concatenate([train[0], test[0]])[:, None],
        np.concatenate([train[1], test[1]]),
        _DIGIT_NAMES,
        tuple(names),
        official_test=np.arange(len(names)) >= len(train[0]),
    )


def _mnist_part(data_root: Path, part: Literal["train", "test"]) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.int64]]:
    from torchvision.datasets import MNIST

    expected = 60_000 if part == "train" else 10_000
    folder = data_root / "MNIST" / "raw"
    there = _mnist_is_there(folder)
    try:
        dataset = MNIST(str(data_root), train=part == "train", download=not there)
    except (AssertionError, ValueError, EOFError, OSError, RuntimeError) as error:
        reason = " ".join(str(error).split())
        if there:
            raise DataError(f"MNIST: a file in {folder} is damaged ({reason}); put the official one there") from error
        raise DataError(
            f"MNIST: not in {folder} and the download failed ({reason}); "
            "put the four official files there or name their folder with --data-root"
        ) from error
    pixels = dataset.data.numpy()
    if len(pixels) != expected or len(dataset.targets) != expected:
        raise DataError(f"MNIST: got {len(pixels)} {part} images in {folder}; the official files hold {expected}")
    return pixels, dataset.targets.numpy()


def _mnist_is_there(folder: Path) -> bool:
    stems = ("train-images-idx3", "train-labels-idx1", "t10k-images-idx3", "t10k-labels-idx1")
    return all((folder / f"{stem}-ubyte").is_file() for stem in stems)


_DIGIT_NAMES = tuple("0123456789")
DATASETS: dict[str, Callable[[Path], Images]] = {"digits": _digits, "mnist": _mnist}
