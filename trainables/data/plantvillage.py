"""PlantVillage by its published layout: `<root>/plantvillage/color/<Plant>___<condition>/<photo>`.

The popular copy of three plants, whose folders are called Tomato_healthy or Tomato__Target_Spot, is read as well.
Photos of one leaf are neighbours in number, so besides a random split there is a blocked one: each condition is sorted
by prefix and number and cut into blocks of 20; a blocked split drops the first photo after a border. The layout does
not say which leaf a photo shows, so there are no groups and no grouped split. Exact duplicates count once; files that
are not whole images are named and left out. One plant's photos are kept in memory, those of all 38 classes stay on disk
(8 GB at 224 pixels). Source: Hughes and Salathe 2015, CC BY-SA 3.0.
"""

import re
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Literal

import numpy as np
import numpy.typing as npt

from trainables.common import DataError
from trainables.data.image_files import ImageFiles, read
from trainables.data.images import Images, LeftOut

BLOCK = 20  # photos
NUM_CLASSES = 38  # of the published data set
POPULAR = ("Pepper__bell", "Potato", "Tomato")  # plants whose copy on Kaggle has one or two underscores, or three
HEALTHY, UNHEALTHY = "healthy", "unhealthy"


def load(data_root: Path, plant: str, image_size: int | None) -> Images:
    """Returns all photos of a plant, classes by condition; "unhealthy" stands for all but "healthy".

    Args:
        data_root: the folder that holds `plantvillage/color`.
        plant: such as Apple; Pepper is spelled `Pepper,_bell` or `Pepper__bell` on disk.
        image_size: pixels per side of the squares; None: 256, the published size.

    Raises:
        DataError: no such folder or plant, a condition without a single whole image.
    """
    root = data_root / "plantvillage" / "color"
    folders = {_condition(path): path for path in sorted(_folders(root)) if _plant(path).lower() == plant.lower()}
    if not folders:
        spellings = ", ".join(sorted({_parts_of(path.name)[0] for path in _folders(root)})) or "none at all"
        raise DataError(f"plantvillage:{plant}: no folder {plant}___* in {root}; plants there: {spellings}")
    unhealthy = tuple(condition for condition in folders if condition != HEALTHY)
    return _read(folders, image_size or 256, {UNHEALTHY: unhealthy}, on_disk=False)


def load_all(data_root: Path, image_size: int | None) -> Images:
    """Returns the photos of all 38 classes, named "<Plant>___<condition>" as in "Pepper___healthy"; they stay on disk.

    Raises:
        DataError: a folder too few, a class without a single whole image.
    """
    root = data_root / "plantvillage" / "color"
    folders = {f"{_plant(path)}___{_condition(path)}": path for path in sorted(_published(root))}
    if len(folders) < NUM_CLASSES:
        raise DataError(f"plantvillage: {len(folders)} of the {NUM_CLASSES} published class folders in {root}")
    return _read(folders, image_size or 256, {}, on_disk=True)


def _read(folders: Mapping[str, Path], size: int, merged: Mapping[str, tuple[str, ...]], on_disk: bool) -> Images:
    """Reads every file of the class folders once."""
    pixels: list[npt.NDArray[np.uint8]] = []
    paths: list[Path] = []
    labels: list[int] = []
    series: list[int] = []
    left_out: list[LeftOut] = []
    first_with: dict[str, Path] = {}  # digest -> the first file with these bytes
    no_pixels = np.empty((3, 0, size), np.uint8)  # a view of an image would keep the image

    def look(path: Path) -> tuple[str, npt.NDArray[np.uint8] | None]:
        digest_or_reason, image = read(path, size)
        return digest_or_reason, no_pixels if on_disk and image is not None else image

    for label, folder in enumerate(folders.values()):
        files = sorted((path for path in folder.iterdir() if not path.name.startswith(".")), key=_place_in_series)
        num_before = len(paths)
        with ThreadPoolExecutor() as pool:
            for path, (digest_or_reason, image) in zip(files, pool.map(look, files), strict=True):
                if image is None:
                    left_out.append(LeftOut(_name(path), digest_or_reason))
                    continue
                first = first_with.setdefault(digest_or_reason, path)
                if first is not path:
                    kind: Literal["duplicate", "conflict"] = "duplicate" if first.parent == folder else "conflict"
                    left_out.append(LeftOut(_name(path), f"the same bytes as {_name(first)}", kind))
                    continue
                paths.append(path)
                pixels.append(image)
        num_images = len(paths) - num_before
        if not num_images:
            raise DataError(f"plantvillage: {folder} holds no whole image ({len(files)} files)")
        labels += [label] * num_images
        series += _blocks(num_images, first=max(series, default=-1) + 1)
    return Images(
        ImageFiles(paths, list(first_with), size) if on_disk else np.stack(pixels),
        np.array(labels),
        tuple(folders),
        tuple(_name(path) for path in paths),
        series=np.array(series),
        merged=merged,
        left_out=tuple(left_out),
    )


def is_there(data_root: Path, plant: str) -> bool:
    """Whether there is a folder of that plant; with plant "", of all classes."""
    root = data_root / "plantvillage" / "color"
    if not plant:
        return len(_published(root)) >= NUM_CLASSES
    return any(_plant(path).lower() == plant.lower() for path in _folders(root))


def plants(data_root: Path) -> list[str]:
    """Returns the plants that there are folders of."""
    return sorted({_plant(path) for path in _folders(data_root / "plantvillage" / "color")})


def _folders(root: Path) -> list[Path]:
    """Returns the folders of classes, named as published or as in the popular copy."""
    return [path for path in root.iterdir() if path.is_dir() and _parts_of(path.name)[1]] if root.is_dir() else []


def _published(root: Path) -> list[Path]:
    return [path for path in _folders(root) if "___" in path.name]


def _parts_of(name: str) -> tuple[str, str]:
    """Returns how a folder spells plant and condition; the condition is "" where it is no folder of a class.

    Apple___Apple_scab as published; Tomato_healthy and Tomato__Target_Spot as in the popular copy of three plants.
    """
    if "___" in name:
        plant, condition = name.split("___")[:2]
        return plant, condition
    match = re.fullmatch(rf"({'|'.join(POPULAR)})_{{1,2}}([^_].*)", name)
    return (match[1], match[2]) if match else (name, "")


def _plant(folder: Path) -> str:
    """Apple___Apple_scab -> Apple; Pepper,_bell___healthy and Pepper__bell___healthy -> Pepper."""
    return re.split(r"[^A-Za-z]", folder.name)[0]


def _condition(folder: Path) -> str:
    return _parts_of(folder.name)[1]


def _name(path: Path) -> str:
    return f"{path.parent.name}/{path.name}"


def _place_in_series(path: Path) -> tuple[str, int, str]:
    """Returns what photos are sorted by: `<id>___FREC_Scab 3335.JPG` -> ("FREC_Scab", 3335, name)."""
    stem = path.stem.split("___")[-1]
    match = re.search(r"^(.*?)[ _(]*(\d+)\D*$", stem)
    return (match[1], int(match[2]), path.name) if match else (stem, -1, path.name)


def _blocks(count: int, first: int) -> list[int]:
    """Returns a block number for each of so many sorted photos; -1 for the first photo after each border."""
    return [-1 if i and i % BLOCK == 0 else first + i // BLOCK for i in range(count)]
