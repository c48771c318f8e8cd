"""Somebody's own images: a tree with a folder per class, `PATH/<class>/.../<image>`.

Where the first level is train / val / test, the classes are the folders below, taken together: the study draws its own
splits by seed. Hidden files are passed over; exact duplicates count once; what is no whole image is named and left out.
Photos that belong together (one plant, one patient) get a group, from a CSV or from their names, and
`data.split=grouped` keeps a group in one split.
"""

import hashlib
import math
import os
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import NoReturn

import numpy as np
import numpy.typing as npt

from trainables.configuration import FOLDER
from trainables.data.image_files import SUFFIXES, ImageFiles, inspect
from trainables.data.image_groups import as_nfc, groups_of, numbered
from trainables.data.images import Images, LeftOut
from trainables.errors import DataError

SPLITS = {"train", "training", "val", "valid", "validation", "test", "testing"}
IMAGE_SIZE = 224  # pixels per side, where a configuration does not say
SHARE_OF_MEMORY = 0.25  # of the machine's, that pixels may take before they are left on disk

_File = tuple[str, Path]  # class, path


@dataclass(frozen=True)
class Folder:
    """Where somebody's images lie, and which of them belong together.

    Attributes:
        path: the folder that holds the class folders.
        groups: a CSV with the columns `file` (name, or path below `path`) and `group`; "" for none.
        pattern: a regular expression whose first parenthesis, found in the path below `path`, is the group; "".
        survey: what is in it, where somebody has looked: nobody looks twice.
    """

    path: str
    groups: str = ""
    pattern: str = ""
    survey: "Survey | None" = field(default=None, compare=False, repr=False)

    def as_dict(self) -> dict[str, str]:
        """Returns where it is and what belongs together, for a note in the run folder."""
        return {"path": self.path, "groups": self.groups, "pattern": self.pattern}


@dataclass(frozen=True)
class Survey:
    """What is in a folder, before any training.

    Attributes:
        source: "folder:<16 hexadecimal digits>": names, bytes and groups of the images, whatever the folder's name.
        files: whole images, each once.
        digests: SHA-256 of each.
        labels: (files,) index into class_names.
        class_names: class folders, sorted.
        groups: (files,) group numbers; None where neither CSV nor pattern is given.
        ungrouped: paths of images that the CSV or pattern does not name.
        sizes: (width, height) -> number of files.
        left_out: files that do not count.
    """

    source: str
    files: tuple[Path, ...]
    digests: tuple[str, ...]
    labels: npt.NDArray[np.int64]
    class_names: tuple[str, ...]
    groups: npt.NDArray[np.int64] | None
    ungrouped: tuple[str, ...]
    sizes: Counter[tuple[int, int]]
    left_out: tuple[LeftOut, ...]

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
    all_files = list(_walk(root))
    files: list[Path] = []
    classes: list[str] = []
    first_with: dict[str, _File] = {}  # digest -> the file that counts
    left_out: list[LeftOut] = []
    sizes: Counter[tuple[int, int]] = Counter()
    with ThreadPoolExecutor() as pool:
        outcomes = pool.map(inspect, [path for _, path in all_files])
        for (class_name, path), (digest_or_reason, size) in zip(watch(all_files), outcomes, strict=True):
            if not _is_text(str(path)):
                left_out.append(LeftOut(f"{path.name!a}", "a name that is no text"))
            elif size is None:
                left_out.append(LeftOut(str(path.relative_to(root)), digest_or_reason))
            elif digest_or_reason in first_with:
                left_out.append(_left_out_copy(path, class_name, first_with[digest_or_reason], root))
            else:
                first_with[digest_or_reason] = (class_name, path)
                files.append(path)
                classes.append(class_name)
                sizes[size] += 1
    loose = sorted(path.name for path in root.iterdir() if path.suffix.lower() in SUFFIXES)
    left_out += [LeftOut(name, "in no class folder") for name in loose]
    class_names = tuple(sorted(set(classes)))
    _check_classes(root, class_names, len(all_files), left_out)
    names = [as_nfc(path.relative_to(root).as_posix()) for path in files]
    group_of = groups_of(folder.groups, folder.pattern, names)
    groups = None if group_of is None else numbered(group_of, names)
    return Survey(
        source=f"{FOLDER}{_fingerprint(names, list(first_with), groups)}",
        files=tuple(files),
        digests=tuple(first_with),
        labels=np.array([class_names.index(name) for name in classes], dtype=np.int64),
        class_names=class_names,
        groups=groups,
        ungrouped=() if group_of is None else tuple(name for name in names if name not in group_of),
        sizes=sizes,
        left_out=tuple(left_out),
    )


def load_folder(source: str, folder: Folder, image_size: int | None, on_disk: bool = False) -> Images:
    """Returns all whole images as RGB squares.

    Args:
        source: "folder:<16 hexadecimal digits>".
        folder: where they lie.
        image_size: pixels per side; None is `IMAGE_SIZE`.
        on_disk: leave the pixels in their files; so are those that would take more than SHARE_OF_MEMORY.

    Raises:
        DataError: as `survey_folder`, or a folder whose images are not those that `source` stands for.
    """
    import psutil  # not needed where there are no folders, as on a bare GPU machine

    survey = folder.survey or survey_folder(folder)
    if survey.source != source:
        raise DataError(f"{folder.path} has changed: it is {survey.source} now, the runs are of {source}")
    files = ImageFiles(survey.files, survey.digests, image_size or IMAGE_SIZE)
    fits = math.prod(files.shape) <= SHARE_OF_MEMORY * psutil.virtual_memory().total
    pixels = files if on_disk or not fits else files.in_memory()
    names = tuple(as_nfc(path.relative_to(folder.path).as_posix()) for path in survey.files)
    return Images(pixels, survey.labels, survey.class_names, names, groups=survey.groups, left_out=survey.left_out)


def _left_out_copy(path: Path, class_name: str, first: _File, root: Path) -> LeftOut:
    first_class, first_path = first
    name, reason = str(path.relative_to(root)), f"the same bytes as {first_path.relative_to(root)}"
    if first_class == class_name:
        return LeftOut(name, reason, "duplicate")
    return LeftOut(name, f"{reason}, of another class: which is right?", "conflict")


def _check_classes(root: Path, class_names: tuple[str, ...], num_files: int, left_out: list[LeftOut]) -> None:
    if not class_names:
        first_reason = f"; {left_out[0]}" if left_out else ""
        raise DataError(
            f"{root}: no image in its class folders ({num_files} files; {', '.join(SUFFIXES)} are read{first_reason})"
        )
    if len(class_names) < 2:
        raise DataError(
            f"{root}: one class only ({class_names[0]!r}); a folder per class is needed, at least two with images"
        )


def _fingerprint(names: list[str], digests: list[str], groups: npt.NDArray[np.int64] | None) -> str:
    """Returns 16 hexadecimal digits for names, bytes and groups of images."""
    lines = [f"{name}\t{digest}" for name, digest in zip(names, digests, strict=True)]
    content = hashlib.sha256("\n".join(lines).encode())
    content.update(b"" if groups is None else groups.tobytes())
    return content.hexdigest()[:16]


def _walk(root: Path) -> Iterator[_File]:
    """Yields (class, file) in the order of their names; links lead neither to another class nor anywhere twice."""
    try:
        is_folder = root.is_dir()
    except OSError as error:
        _refuse(error)
    if not is_folder:
        raise DataError(f"{root}: no such folder")
    class_folders = sorted(_folders(root))
    if class_folders and {path.name.lower() for path in class_folders} <= SPLITS:
        class_folders = [path for split_folder in class_folders for path in _folders(split_folder)]
        class_folders.sort(key=lambda path: (path.name, str(path)))
    above = {os.path.realpath(path) for path in (root, *root.resolve().parents)}
    roots = {os.path.realpath(path) for path in class_folders}
    visited: set[str] = set()
    for class_folder in class_folders:
        for place, folders, files in os.walk(class_folder, onerror=_refuse, followlinks=True):
            real = os.path.realpath(place)
            if real in visited or real in above or (real in roots and place != str(class_folder)):
                folders.clear()
                continue
            visited.add(real)
            folders[:] = sorted(name for name in folders if not name.startswith("."))
            for name in sorted(files):
                if not name.startswith("."):
                    yield as_nfc(class_folder.name), Path(place, name)


def _folders(path: Path) -> list[Path]:
    try:
        return [entry for entry in path.iterdir() if entry.is_dir() and not entry.name.startswith(".")]
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
