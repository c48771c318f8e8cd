"""Which files lie in a folder of images, and what their folders say: `[<split>/]<class>/.../<image>`.

Where the first level is train / val / test, the classes are the folders below. `ground_truth` beside them holds masks
of defects, as in MVTec's data sets, and no photos.
"""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

from trainables.common import DataError, printable
from trainables.data.image_files import SUFFIXES
from trainables.data.image_tables import as_nfc
from trainables.data.images import PART_OF_NAME, LeftOut

MASKS = {"ground_truth", "ground truth", "groundtruth"}


@dataclass(frozen=True)
class FoundFile:
    """A file below a folder of images.

    Attributes:
        path: where it lies.
        class_name: of the folder it lies in; "" where files have their classes from a table.
        part: TEST, VALIDATION or TRAIN by the folder above its class; None where there is no such folder.
    """

    path: Path
    class_name: str = ""
    part: int | None = None


@dataclass(frozen=True)
class Tree:
    """The files of the class folders, in the order of their names, and the folders that are no classes."""

    files: tuple[FoundFile, ...]
    left_out: tuple[LeftOut, ...]


def read_tree(root: Path) -> Tree:
    """Returns the files of all class folders; hidden ones are passed over.

    Links lead neither to another class nor anywhere twice.

    Raises:
        DataError: no such folder, one that cannot be read, several data sets side by side.
    """
    _check_is_folder(root)
    first_level = sorted(folders_in(root))
    masks = [path for path in first_level if path.name.lower() in MASKS]
    split_folders = [path for path in first_level if path not in masks]
    part_of_folder: dict[Path, int] = {}
    left_out = []
    if split_folders and all(path.name.lower() in PART_OF_NAME for path in split_folders):
        for split_folder in split_folders:
            part = PART_OF_NAME[split_folder.name.lower()]
            part_of_folder |= dict.fromkeys(folders_in(split_folder), part)
        class_folders = sorted(part_of_folder, key=lambda path: (path.name, str(path)))
        left_out += [LeftOut(path.name, "masks of defects, no photos") for path in masks]
    else:
        class_folders = first_level
        _refuse_several_data_sets(root, first_level)
    above = {os.path.realpath(path) for path in (root, *root.resolve().parents)}
    roots = {os.path.realpath(path) for path in class_folders}
    visited: set[str] = set()
    files: list[FoundFile] = []
    for class_folder in class_folders:
        if not is_text(class_folder.name) or printable(class_folder.name) != class_folder.name:
            name = f"{class_folder.relative_to(root).as_posix()!a}"
            left_out.append(LeftOut(name, "a class folder whose name cannot be shown in one line; rename it"))
            continue
        part_of_files = part_of_folder.get(class_folder)
        paths = _walk(class_folder, above, roots, visited)
        files += [FoundFile(path, as_nfc(class_folder.name), part_of_files) for path in paths]
    loose = sorted(path.name for path in root.iterdir() if path.suffix.lower() in SUFFIXES)
    left_out += [LeftOut(name if is_text(name) else f"{name!a}", "in no class folder") for name in loose]
    return Tree(tuple(files), tuple(left_out))


def files_below(root: Path) -> list[Path]:
    """Returns every file below a folder, whatever its folders are called; raises DataError as `read_tree` does."""
    _check_is_folder(root)
    above = {os.path.realpath(path) for path in root.resolve().parents}
    return list(_walk(root, above, set(), set()))


def is_text(name: str) -> bool:
    """Whether a file name can be written down; one in another encoding than the system's cannot."""
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True


def folders_in(path: Path) -> list[Path]:
    """Returns the folders in a folder, hidden ones left out; raises DataError where it cannot be read."""
    try:
        return [entry for entry in path.iterdir() if entry.is_dir() and not entry.name.startswith(".")]
    except OSError as error:
        refuse(error)


def refuse(error: OSError) -> NoReturn:
    """Raises DataError for a folder that cannot be read."""
    raise DataError(f"{error.filename}: cannot be read ({error.strerror})") from error


def _walk(folder: Path, above: set[str], roots: set[str], visited: set[str]) -> Iterator[Path]:
    for place, folders, files in os.walk(folder, onerror=refuse, followlinks=True):
        real = os.path.realpath(place)
        if real in visited or real in above or (real in roots and place != str(folder)):
            folders.clear()
            continue
        visited.add(real)
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(files):
            if not name.startswith("."):
                yield Path(place, name)


def _check_is_folder(root: Path) -> None:
    try:
        is_folder = root.is_dir()
    except OSError as error:
        refuse(error)
    if not is_folder:
        raise DataError(f"{root}: no such folder")


def _refuse_several_data_sets(root: Path, first_level: list[Path]) -> None:
    """Raises DataError where the folders are no classes but data sets with masks, train and test of their own."""
    data_sets = []
    for path in first_level:
        names = {below.name.lower() for below in folders_in(path)}
        if names & MASKS and names & PART_OF_NAME.keys():
            data_sets.append(path)
    if data_sets and len(data_sets) == len(first_level):
        names_of_sets = ", ".join(path.name for path in data_sets)
        raise DataError(
            f"{root}: its folders ({names_of_sets}) are data sets of their own, with train, test and ground_truth; "
            f"name one of them, such as {data_sets[0]}"
        )
