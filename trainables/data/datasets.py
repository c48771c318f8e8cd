"""Data sets: name -> uint8 images, labels and sample names. Everything that fits in memory stays there."""

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Literal

import numpy as np
import numpy.typing as npt

from trainables import own_code
from trainables.common import MIB, DataError, Finding, check_regular, first_line, read_regular
from trainables.configuration import FOLDER
from trainables.data import image_folder, plantvillage
from trainables.data.image_files import ImageFiles
from trainables.data.images import Images

LARGEST_MNIST = 64 * MIB  # a file; the largest official one has 45
Folders = Mapping[str, image_folder.Folder]


def load_images(
    source: str,
    data_root: Path,
    image_size: int | None = None,
    folders: Folders | None = None,
    on_disk: bool = False,
) -> Images:
    """Returns the data set called `source`, resized to squares of `image_size` pixels where that is given.

    Args:
        source: its name.
        data_root: where files that are not embedded lie or are put.
        image_size: pixels per side; None leaves images as they are.
        folders: where somebody's own images lie.
        on_disk: leave the pixels of somebody's own images in their files, for who looks at few or each once.

    Raises:
        DataError: unknown source, files that are missing and cannot be downloaded, files that are damaged.
    """
    name, _, plant = source.partition(":")
    if name == "folder":
        folder = (folders or {}).get(source)
        if folder is None:
            raise DataError(
                f"{source}: where these images lie is not known here; name their folder: --data folder:PATH"
            )
        return image_folder.load_folder(source, folder, image_size, on_disk)
    if name == "plantvillage" and plant:
        return plantvillage.load(data_root, plant, image_size)
    if name == "plantvillage":
        return plantvillage.load_all(data_root, image_size)
    is_own = own_code.is_own(source)
    if source not in DATASETS and not is_own:
        raise DataError(
            f"unknown data set {source!r}; allowed: {', '.join(DATASETS)}, plantvillage, plantvillage:PLANT"
        )
    images = _own(source, data_root) if is_own else DATASETS[source](data_root)
    return images if image_size is None else replace(images, pixels=_resize(np.asarray(images.pixels), image_size))


def is_available(source: str, data_root: Path) -> bool:
    """Whether a data set can be read without a download; looks for its folder or files, not into them."""
    name, _, plant = source.partition(":")
    if name == "plantvillage":
        return plantvillage.is_there(data_root, plant)
    if name == "folder":
        return False
    if own_code.is_own(source):
        return own_code.is_there(source)
    return name == "digits" or _mnist_is_there(data_root / "MNIST" / "raw")


def is_same_data(source: str, fingerprint: str, recorded: str) -> bool:
    """Whether the fingerprints of two data sets of one source say that they are the same.

    A folder's source names its content, so that pixels in memory and files on disk, whose fingerprints differ, count
    as one.
    """
    return source.startswith(FOLDER) or fingerprint == recorded


def check_data(data_root: Path) -> list[Finding]:
    """Returns a finding per downloadable or local data set: there and whole, missing, or damaged."""
    return [_check_mnist(data_root / "MNIST" / "raw"), _check_plantvillage(data_root)]


def _check_mnist(folder: Path) -> Finding:
    if not _mnist_is_there(folder):
        return Finding("MNIST", "not applicable", f"not in {folder}; downloaded when a study needs it")
    damaged = [name for name, md5 in _MNIST_MD5.items() if _md5(folder / name) != md5]
    if damaged:
        remedy = "are not the official files; put those there"
        return Finding("MNIST", "failed", f"{', '.join(damaged)} in {folder} {remedy}")
    return Finding("MNIST", "ok", f"the four official files in {folder}")


def _md5(path: Path) -> str:
    try:
        return hashlib.md5(read_regular(path, LARGEST_MNIST)).hexdigest()
    except OSError:
        return ""


def _check_plantvillage(data_root: Path) -> Finding:
    folder, plants = data_root / "plantvillage" / "color", plantvillage.plants(data_root)
    if not plants:
        return Finding("PlantVillage", "not applicable", f"no folder <Plant>___<condition> in {folder}")
    return Finding("PlantVillage", "ok", f"{', '.join(plants)} in {folder}")


def _resize(pixels: npt.NDArray[np.uint8], size: int) -> npt.NDArray[np.uint8]:
    import torch  # takes seconds to import, which no --list needs
    from torchvision.transforms.v2.functional import resize

    return resize(torch.from_numpy(pixels), [size, size], antialias=True).numpy()  # type: ignore[no-any-return]


def _own(source: str, data_root: Path) -> Images:
    """Returns the data set that a function of somebody's own makes, which is called again wherever it is needed.

    Raises:
        ConfigurationError: no such function, or its source has changed.
        DataError: it fails, or what it returns is no data set; says what is wrong.
    """
    spec = own_code.spec_of(source)
    function = own_code.load_own(source)
    try:
        images = function(data_root)
    except Exception as error:  # code of somebody's own raises what it likes
        raise DataError(f"{spec} raised {type(error).__name__}: {first_line(error)}") from error
    if not isinstance(images, Images):
        raise DataError(f"{spec} returned a {type(images).__name__}; trainables.data.Images is needed")
    problem = _breach(images)
    if problem:
        raise DataError(f"{spec} {problem}")
    return images


def _breach(images: Images) -> str:
    """Returns what is wrong with a data set, as the end of a sentence; "" where nothing is."""
    pixels, labels, names = images.pixels, np.asarray(images.labels), images.sample_names
    if not isinstance(pixels, np.ndarray):
        return (
            "" if isinstance(pixels, ImageFiles) else f"gives pixels as a {type(pixels).__name__}; an array is needed"
        )
    shape = pixels.shape
    if str(pixels.dtype) != "uint8" or len(shape) != 4 or shape[1] not in (1, 3):
        return f"gives pixels {pixels.dtype} {shape}; uint8 (images, 1 or 3 channels, height, width) needed"
    if labels.dtype != np.int64 or labels.shape != (shape[0],):
        return f"gives labels {labels.dtype} {labels.shape} for {shape[0]} images; int64 ({shape[0]},) needed"
    if len(names) != shape[0] or len(set(names)) < len(names):
        return f"gives {len(set(names))} different sample names for {shape[0]} images; one for each needed"
    if len(set(images.class_names)) < len(images.class_names):
        return f"names a class twice: {', '.join(images.class_names)}"
    counts = np.bincount(labels[labels >= 0], minlength=len(images.class_names))
    if labels.size == 0 or labels.min() < 0 or len(counts) > len(images.class_names):
        bounds = f"{labels.min()} to {labels.max()}" if labels.size else "none"
        return f"gives labels {bounds}; 0 to {len(images.class_names) - 1}, an index of class_names, needed"
    empty = [name for name, count in zip(images.class_names, counts, strict=True) if not count]
    return f"gives no image of {', '.join(empty)}" if empty else ""


def _digits(data_root: Path) -> Images:
    """scikit-learn's 1797 8x8 digits (UCI optdigits test set), 17 grey levels spread over 0..255."""
    from sklearn.datasets import load_digits

    bunch = load_digits()
    pixels = np.rint(bunch.images * (255 / 16)).astype(np.uint8)[:, None]
    sample_names = tuple(str(i) for i in range(len(pixels)))
    return Images(pixels, bunch.target.astype(np.int64), _DIGIT_NAMES, sample_names)


def _mnist(data_root: Path) -> Images:
    """MNIST by torchvision's layout `<data_root>/MNIST/raw`: read where it is, else downloaded."""
    train_pixels, train_labels = _mnist_part(data_root, "train")
    test_pixels, test_labels = _mnist_part(data_root, "test")
    sample_names = [f"train/{i}" for i in range(len(train_pixels))] + [f"test/{i}" for i in range(len(test_pixels))]
    return Images(
        np.concatenate([train_pixels, test_pixels])[:, None],
        np.concatenate([train_labels, test_labels]),
        _DIGIT_NAMES,
        tuple(sample_names),
        official_test=np.arange(len(sample_names)) >= len(train_pixels),
    )


def _mnist_part(data_root: Path, part: Literal["train", "test"]) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.int64]]:
    from torchvision.datasets import MNIST

    expected = 60_000 if part == "train" else 10_000
    folder = data_root / "MNIST" / "raw"
    was_there = _mnist_is_there(folder)
    try:
        for name in _MNIST_MD5 if was_there else ():
            check_regular(folder / name, LARGEST_MNIST)
        dataset = MNIST(str(data_root), train=part == "train", download=not was_there)
    except (AssertionError, ValueError, EOFError, OSError, RuntimeError) as error:
        reason = " ".join(str(error).split())
        if was_there:
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
    return all((folder / name).is_file() for name in _MNIST_MD5)


_MNIST_MD5 = {
    "train-images-idx3-ubyte": "6bbc9ace898e44ae57da46a324031adb",
    "train-labels-idx1-ubyte": "a25bea736e30d166cdddb491f175f624",
    "t10k-images-idx3-ubyte": "2646ac647ad5339dbf082846283269ea",
    "t10k-labels-idx1-ubyte": "27ae3e4e09519cfbb04c329615203637",
}
_DIGIT_NAMES = tuple("0123456789")
DATASETS: dict[str, Callable[[Path], Images]] = {"digits": _digits, "mnist": _mnist}
