"""Somebody's own images: a tree with a folder per class, `PATH/<class>/.../<image>`.

Where the first level is train / val / test, the classes are the folders below, taken together: the study draws its own
splits by seed. Hidden files are passed over; exact duplicates count once; what is no whole image is named and left out.
Photos that belong together (one plant, one patient) get a group, from a CSV or from their names, and
`data.split=grouped` keeps a group in one split.
"""

import csv
import hashlib
import os
import re
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from trainables.configuration import FOLDER
from trainables.errors import DataError
from trainables.image_files import SUFFIXES, inspect, read
from trainables.images import Images

SPLITS = {"train", "training", "val", "valid", "validation", "test", "testing"}
IMAGE_SIZE = 224  # pixels per side, where a configuration does not say


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


def survey(folder: Folder) -> Survey:
    """Looks into every file once.

    Raises:
        DataError: no such folder, one that cannot be read, one class only, no image, groups that name nothing.
    """
    root = Path(folder.path)
    found = list(_walk(root))
    files: list[Path] = []
    classes: list[str] = []
    first: dict[str, Path] = {}
    left_out: list[str] = []
    sizes: Counter[tuple[int, int]] = Counter()
    with ThreadPoolExecutor() as pool:
        for (name, path), (digest, size) in zip(found, pool.map(lambda its: inspect(its[1]), found), strict=True):
            if not _is_text(str(path)):
                left_out.append(f"{path.name!a}: a name that is no text")
            elif size is None:
                left_out.append(f"{path.relative_to(root)}: {digest}")
            elif digest in first:
                left_out.append(f"{path.relative_to(root)}: the same bytes as {first[digest].relative_to(root)}")
            else:
                first[digest] = path
                files.append(path)
                classes.append(name)
                sizes[size] += 1
    names = tuple(sorted(set(classes)))
    if not names:
        raise DataError(f"{root}: no image in its class folders ({len(found)} files; {', '.join(SUFFIXES)} are read)")
    if len(names) < 2:
        raise DataError(
            f"{root}: one class only ({names[0]!r}); a folder per class is needed, at least two with images"
        )
    relative = [path.relative_to(root).as_posix() for path in files]
    known = _known_groups(folder, relative)
    groups = None if known is None else _numbered(known, relative)
    ungrouped = () if known is None else tuple(name for name in relative if name not in known)
    content = hashlib.sha256("\n".join(map("\t".join, zip(relative, first, strict=True))).encode())
    content.update(b"" if groups is None else groups.tobytes())
    labels = np.array([names.index(name) for name in classes], dtype=np.int64)
    source = f"{FOLDER}{content.hexdigest()[:16]}"
    return Survey(source, tuple(files), labels, names, groups, ungrouped, sizes, tuple(left_out))


def load(source: str, folder: Folder, image_size: int | None) -> Images:
    """Returns all whole images as RGB squares, groups as `blocks`.

    Raises:
        DataError: as `survey`, or a folder whose images are not those that `source` stands for.
    """
    found = survey(folder)
    if found.source != source:
        raise DataError(f"{folder.path} has changed: it is {found.source} now, the runs are of {source}")
    size = image_size or IMAGE_SIZE
    pixels = np.empty((len(found.files), 3, size, size), np.uint8)
    with ThreadPoolExecutor() as pool:
        for i, (reason, image) in enumerate(pool.map(lambda path: read(path, size), found.files)):
            if image is None:
                raise DataError(f"{found.files[i]}: {reason}")
            pixels[i] = image
    names = tuple(path.relative_to(folder.path).as_posix() for path in found.files)
    return Images(pixels, found.labels, found.class_names, names, blocks=found.groups, left_out=found.left_out)


def _walk(root: Path) -> Iterator[tuple[str, Path]]:
    """Yields (class, file) in the order of their names; links lead neither to another class nor anywhere twice."""
    if not root.is_dir():
        raise DataError(f"{root}: no such folder")
    top = sorted(_folders(root))
    if top and {path.name.lower() for path in top} <= SPLITS:
        top = sorted((path for part in top for path in _folders(part)), key=lambda path: (path.name, str(path)))
    roots = {os.path.realpath(path) for path in (root, *top)}
    visited: set[str] = set()
    for folder in top:
        for place, folders, files in os.walk(folder, onerror=_refuse, followlinks=True):
            real = os.path.realpath(place)
            if real in visited or (real in roots and place != str(folder)):
                folders.clear()
                continue
            visited.add(real)
            folders[:] = sorted(name for name in folders if not name.startswith("."))
            yield from ((folder.name, Path(place, name)) for name in sorted(files) if not name.startswith("."))


def _folders(path: Path) -> list[Path]:
    try:
        return [its for its in path.iterdir() if its.is_dir() and not its.name.startswith(".")]
    except OSError as error:
        _refuse(error)
        raise


def _is_text(name: str) -> bool:
    """Whether a file name can be written down; one in another encoding than the system's cannot."""
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True


def _refuse(error: OSError) -> None:
    raise DataError(f"{error.filename}: cannot be read ({error.strerror})") from error


def _known_groups(folder: Folder, names: list[str]) -> dict[str, str] | None:
    """Returns the group of every image that the CSV or the pattern names; None where neither is given."""
    if folder.groups:
        return _from_csv(Path(folder.groups), names)
    return _from_pattern(folder.pattern, names) if folder.pattern else None


def _numbered(known: dict[str, str], names: list[str]) -> npt.NDArray[np.int64]:
    """Returns a group number per image; one that nothing is said of is a group of its own."""
    numbers: dict[str, int] = {}
    return np.array([numbers.setdefault(known.get(name, f"\0{name}"), len(numbers)) for name in names], dtype=np.int64)


def _from_csv(path: Path, names: list[str]) -> dict[str, str]:
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            reader = csv.DictReader(file)
            if not {"file", "group"} <= set(reader.fieldnames or ()):
                raise DataError(
                    f"{path}: columns {', '.join(reader.fieldnames or ()) or 'none'}; file and group are needed"
                )
            rows: dict[str, str] = {}
            for row in reader:
                if rows.setdefault(row["file"], row["group"]) != row["group"]:
                    raise DataError(f"{path}: {row['file']} is in two groups, {rows[row['file']]} and {row['group']}")
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{path}: cannot be read ({error})") from error
    short = Counter(name.rpartition("/")[2] for name in names)
    known = {}
    for name in names:
        end = name.rpartition("/")[2]
        if name not in rows and end in rows and short[end] > 1:
            raise DataError(f"{path}: {end} is the name of {short[end]} images; give its path, such as {name}")
        known[name] = rows.get(name, rows.get(end, ""))
    found = {name: group for name, group in known.items() if group}
    if not found:
        raise DataError(f"{path}: none of its {len(rows)} files is among the images, such as {names[0]}")
    return found


def _from_pattern(pattern: str, names: list[str]) -> dict[str, str]:
    try:
        compiled = re.compile(pattern)
    except re.error as error:
        raise DataError(f"group pattern {pattern!r}: {error}") from error
    if compiled.groups < 1:
        raise DataError(f"group pattern {pattern!r}: parentheses around the group are needed, such as '(plant\\d+)_'")
    found = {name: match[1] for name in names if (match := compiled.search(name)) and match[1]}
    if not found:
        raise DataError(f"group pattern {pattern!r} is found in no image name, such as {names[0]}")
    return found
