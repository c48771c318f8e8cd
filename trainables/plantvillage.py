"""PlantVillage by its published layout: `<root>/plantvillage/color/<Plant>___<condition>/<photo>`.

Photos of one leaf are neighbours in number, so besides a random split there is a blocked one: each condition is sorted
by prefix and number and cut into blocks of 20; the first photo after a border is dropped. Exact duplicates count once;
files that are not whole images are named and left out. Source: Hughes and Salathe 2015, CC BY-SA 3.0.
"""

import hashlib
import re
from concurrent.futures import ThreadPoolExecutor
from io import BytesIO
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image

from trainables.errors import DataError
from trainables.images import Images

BLOCK = 20  # photos
SUFFIXES = (".jpg", ".jpeg", ".png")
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
    folders = {path.name.split("___")[1]: path for path in sorted(_folders(root)) if _plant(path.name) == plant.lower()}
    if not folders:
        there = ", ".join(sorted({path.name.split("___")[0] for path in _folders(root)})) or "none at all"
        raise DataError(f"plantvillage:{plant}: no folder {plant}___* in {root}; plants there: {there}")
    pixels: list[npt.NDArray[np.uint8]] = []
    labels: list[int] = []
    names: list[str] = []
    blocks: list[int] = []
    left_out: list[str] = []
    seen: dict[str, str] = {}
    for label, folder in enumerate(folders.values()):
        whole = []
        files = sorted((path for path in folder.iterdir() if not path.name.startswith(".")), key=_series)
        with ThreadPoolExecutor() as pool:
            for path, (digest, image) in zip(
                files, pool.map(lambda p: _read(p, image_size or 256), files), strict=True
            ):
                name = f"{folder.name}/{path.name}"
                if image is None:
                    left_out.append(f"{name}: {digest}")
                elif digest in seen:
                    left_out.append(f"{name}: the same bytes as {seen[digest]}")
                else:
                    seen[digest] = name
                    whole.append(path)
                    pixels.append(image)
                    names.append(name)
        if not whole:
            raise DataError(f"plantvillage:{plant}: {folder} holds no whole image ({len(files)} files)")
        labels += [label] * len(whole)
        blocks += _blocks(len(whole), first=max(blocks, default=-1) + 1)
    conditions = tuple(folders)
    merged = {UNHEALTHY: tuple(condition for condition in conditions if condition != HEALTHY)}
    return Images(
        np.stack(pixels), np.array(labels), conditions, tuple(names), blocks=np.array(blocks), merged=merged,
        left_out=tuple(left_out),
    )  # fmt: skip


def is_there(data_root: Path, plant: str) -> bool:
    """Whether there is a folder of that plant."""
    return any(_plant(path.name) == plant.lower() for path in _folders(data_root / "plantvillage" / "color"))


def _folders(root: Path) -> list[Path]:
    return [path for path in root.iterdir() if path.is_dir() and "___" in path.name] if root.is_dir() else []


def _plant(folder: str) -> str:
    """Apple___Apple_scab -> apple; Pepper,_bell___healthy and Pepper__bell___healthy -> pepper."""
    return re.split(r"[^A-Za-z]", folder)[0].lower()


def _series(path: Path) -> tuple[str, int, str]:
    """The place of a photo in its series: `<id>___FREC_Scab 3335.JPG` -> ("FREC_Scab", 3335, name)."""
    stem = path.stem.split("___")[-1]
    found = re.search(r"^(.*?)[ _(]*(\d+)\D*$", stem)
    return (found[1], int(found[2]), path.name) if found else (stem, -1, path.name)


def _blocks(count: int, first: int) -> list[int]:
    """Block numbers of sorted photos; -1 for the first photo after each border."""
    return [-1 if i and i % BLOCK == 0 else first + i // BLOCK for i in range(count)]


def _read(path: Path, size: int) -> tuple[str, npt.NDArray[np.uint8] | None]:
    """Returns (digest, uint8 (3, size, size)), or (reason, None) for what is not a whole image."""
    if path.suffix.lower() not in SUFFIXES:
        return f"not one of {', '.join(SUFFIXES)}", None
    try:
        content = path.read_bytes()
        with Image.open(BytesIO(content)) as image:
            colours = image.convert("RGB")
            if colours.size != (size, size):
                colours = colours.resize((size, size), Image.Resampling.BILINEAR)
            pixels = np.asarray(colours).transpose(2, 0, 1)
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        return f"not a whole image ({error})", None
    return hashlib.sha256(content).hexdigest(), np.ascontiguousarray(pixels)
