"""Somebody's own images: a tree with a folder per class, `PATH/<class>/.../<image>`.

Where the first level is train / val / test, the classes are the folders below, taken together: the study draws its own
splits by seed. Hidden files are passed over; exact duplicates count once; what is no whole image is named and left out.
Photos that belong together (one plant, one patient) get a group, from a CSV or from their names, and
`data.split=grouped` keeps a group in one split.
"""

import hashlib
import os
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import NoReturn

import numpy as np
import numpy.typing as npt

from trainables.configuration import FOLDER
from trainables.data.image_files import SUFFIXES, inspect, read
from trainables.data.image_groups import as_nfc, groups_of, numbered
from trainables.data.images import Images
from trainables.errors import DataError

SPLITS = {"train", "training", "val", "valid", "validation", "test", "testing"}
SAME_BYTES, OF_ANOTHER_CLASS = "the same bytes as", ", of another class"  # why a file is left out
IMAGE_SIZE = 224  # pixels per side, where a configuration does not say

_File = tuple[str, Path]  # class, where it lies


@dataclass(frozen=True)
class Folder:
    """Where somebody's images lie, and which of them belong together.

    Attributes:
        path: the folder that holds the class folders.
        groups: a CSV with the columns `file` (name, or path below `path`) and `group`; "" for none.
        pattern: a regular expression whose first parenthesis, found in the path below `path`, is the group; "".
    """

    path: str
    groups: str = ""
    pattern: str = ""

    def as_dict(self) -> dict[str, str]:
        """Returns the fields, for a note in the run folder."""
        return asdict(self)


@dataclass(frozen=True)
class Survey:
    """What is in a folder, before any training.

    Attributes:
        source: "folder:<16 hexadecimal digits>": names, bytes and groups of the images, whatever the folder's name.
        files: whole images, each once.
        labels: (files,) index into class_names.
        class_names: class folders, sorted.
        groups: (files,) or None.
        ungrouped: images that neither CSV nor pattern names.
        sizes: (width, height) -> files.
        left_out: "path: reason".
    """

    source: str
    files: tuple[Path, ...]
    labels: npt.NDArray[np.int64]
    class_names: tuple[str, ...]
    groups: npt.NDArray[np.int64] | None
    ungrouped: tuple[str, ...]
    sizes: Counter[tuple[int, int]]
    left_out: tuple[str, ...]

    @property
    def counts(self) -> dict[str, int]:
        """Images per class."""
        return dict(zip(self.class_names, np.bincount(self.labels, minlength=len(self.class_names)), strict=True))


def survey_folder(folder: Folder, watch: Callable[[Sequence[_File]], Iterable[_File]] = iter) -> Survey:
    """Looks into every file once.

    Args:
        folder: where they lie.
        watch: goes through the files as it is asked for the next one, and may show how far it is.

    Raises:
        DataError: no such folder, one that cannot be read, one class only, no image, groups that name nothing.
    """
    root = Path(folder.path)
    found = list(_walk(root))
    files: list[Path] = []
    classes: list[str] = []
    first: dict[str, tuple[str, Path]] = {}  # digest -> class and path of the file that counts
    left_out: list[str] = []
    sizes: Counter[tuple[int, int]] = Counter()
    with ThreadPoolExecutor() as pool:
        for (name, path), (digest, size) in zip(
            watch(found), pool.map(lambda its: inspect(its[1]), found), strict=True
        ):
            if not _is_text(str(path)):
                left_out.append(f"{path.name!a}: a name that is no text")
            elif size is None:
                left_out.append(f"{path.relative_to(root)}: {digest}")
            elif digest in first:
                its, other = first[digest]
                conflict = "" if its == name else f"{OF_ANOTHER_CLASS}: which is right?"
                left_out.append(f"{path.relative_to(root)}: {SAME_BYTES} {other.relative_to(root)}{conflict}")
            else:
                first[digest] = (name, path)
                files.append(path)
                classes.append(name)
                sizes[size] += 1
    loose = [path.name for path in root.iterdir() if path.suffix.lower() in SUFFIXES]
    left_out += [f"{name}: in no class folder" for name in sorted(loose)]
    names = tuple(sorted(set(classes)))
    if not names:
        why = f"; {left_out[0]}" if left_out else ""
        raise DataError(
            f"{root}: no image in its class folders ({len(found)} files; {', '.join(SUFFIXES)} are read{why})"
        )
    if len(names) < 2:
        raise DataError(
            f"{root}: one class only ({names[0]!r}); a folder per class is needed, at least two with images"
        )
    relative = [as_nfc(path.relative_to(root).as_posix()) for path in files]
    known = groups_of(folder.groups, folder.pattern, relative)
    groups = None if known is None else numbered(known, relative)
    ungrouped = () if known is None else tuple(name for name in relative if name not in known)
    content = hashlib.sha256("\n".join(map("\t".join, zip(relative, first, strict=True))).encode())
    content.update(b"" if groups is None else groups.tobytes())
    labels = np.array([names.index(name) for name in classes], dtype=np.int64)
    source = f"{FOLDER}{content.hexdigest()[:16]}"
    return Survey(source, tuple(files), labels, names, groups, ungrouped, sizes, tuple(left_out))


def load_folder(source: str, folder: Folder, image_size: int | None) -> Images:
    """Returns all whole images as RGB squares, groups as `blocks`.

    Raises:
        DataError: as `survey`, or a folder whose images are not those that `source` stands for.
    """
    found = survey_folder(folder)
    if found.source != source:
        raise DataError(f"{folder.path} has changed: it is {found.source} now, the runs are of {source}")
    size = image_size or IMAGE_SIZE
    pixels = np.empty((len(found.files), 3, size, size), np.uint8)
    with ThreadPoolExecutor() as pool:
        for i, (reason, image) in enumerate(pool.map(lambda path: read(path, size), found.files)):
            if image is None:
                raise DataError(f"{found.files[i]}: {reason}")
            pixels[i] = image
    names = tuple(as_nfc(path.relative_to(folder.path).as_posix()) for path in found.files)
    return Images(pixels, found.labels, found.class_names, names, blocks=found.groups, left_out=found.left_out)


def _walk(root: Path) -> Iterator[tuple[str, Path]]:
    """Yields (class, file) in the order of their names; links lead neither to another class nor anywhere twice."""
    try:
        there = root.is_dir()
    except OSError as error:
        _refuse(error)
    if not there:
        raise DataError(f"{root}: no such folder")
    top = sorted(_folders(root))
    if top and {path.name.lower() for path in top} <= SPLITS:
        top = sorted((path for part in top for path in _folders(part)), key=lambda path: (path.name, str(path)))
    above = {os.path.realpath(path) for path in (root, *root.resolve().parents)}
    roots = {os.path.realpath(path) for path in top}
    visited: set[str] = set()
    for folder in top:
        for place, folders, files in os.walk(folder, onerror=_refuse, followlinks=True):
            real = os.path.realpath(place)
            if real in visited or real in above or (real in roots and place != str(folder)):
                folders.clear()
                continue
            visited.add(real)
            folders[:] = sorted(name for name in folders if not name.startswith("."))
            yield from ((as_nfc(folder.name), Path(place, name)) for name in sorted(files) if not name.startswith("."))


def _folders(path: Path) -> list[Path]:
    try:
        return [its for its in path.iterdir() if its.is_dir() and not its.name.startswith(".")]
    except OSError as error:
        _refuse(error)


def _is_text(name: str) -> bool:
    """Whether a file name can be written down; one in another encoding than the system's cannot."""
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True


def _refuse(error: OSError) -> NoReturn:
    raise DataError(f"{error.filename}: cannot be read ({error.strerror})") from error
