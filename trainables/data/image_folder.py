"""Somebody's own images: a tree with a folder per class, `PATH/<class>/.../<image>`.

Where the first level is train / val / test, the classes are the folders below. They are taken together, as the study
draws its own splits by seed, unless `data.split=given` keeps them. A table can name the classes instead of folders.
Hidden files are passed over; exact duplicates count once; what is no whole image is named and left out. Photos that
belong together (one plant, one patient) get a group, from a table or from their names, and `data.split=grouped` keeps a
group in one split.
"""

import hashlib
import math
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt

from trainables.common import DataError
from trainables.configuration import FOLDER
from trainables.data.image_files import SUFFIXES, ImageFiles, Look, inspect
from trainables.data.image_groups import NEAR_DUPLICATES, groups_of, num_in_series, numbered
from trainables.data.image_tables import Labels, as_nfc, read_labels
from trainables.data.image_tree import FoundFile, Tree, files_below, folders_in, is_text, read_tree
from trainables.data.images import Images, LeftOut
from trainables.data.near_duplicates import groups_of_twins

IMAGE_SIZE = 224  # pixels per side, where a configuration does not say
SHARE_OF_MEMORY = 0.25  # of the machine's, that pixels may take before they are left on disk


@dataclass(frozen=True)
class Folder:
    """Where somebody's images lie, and which of them belong together.

    Attributes:
        path: the folder that holds the class folders.
        groups: CSV or Parquet with the columns `file` (name, or path below `path`) and `group`; "near-duplicates": what
            shows the same picture; "" for none.
        pattern: a regular expression whose first parenthesis, found in the path below `path`, is the group; "".
        labels: CSV or Parquet with the columns `file` and `label`, perhaps `group` and `split`, where the folders are
            no classes; "" for none.
        survey: what is in it, where somebody has looked: nobody looks twice.
    """

    path: str
    groups: str = ""
    pattern: str = ""
    labels: str = ""
    survey: "Survey | None" = field(default=None, compare=False, repr=False)

    def as_dict(self) -> dict[str, str]:
        """Returns where it is and what is said of it, for a note in the run folder."""
        return {"path": self.path, "groups": self.groups, "pattern": self.pattern, "labels": self.labels}


@dataclass(frozen=True)
class Survey:
    """What is in a folder, before any training.

    Attributes:
        source: "folder:<16 hexadecimal digits>": names, bytes, groups and labels of the images, whatever the folder's
            name.
        files: whole images, each once.
        digests: SHA-256 of each.
        labels: (files,) index into class_names.
        class_names: class folders, sorted.
        groups: (files,) group numbers; None where nobody says what belongs together.
        twins: (files,) numbers; images that show the same picture, by other bytes, have the same.
        num_in_series: photos taken within a minute of another by the same camera, where EXIF says.
        parts: (files,) TEST, VALIDATION or TRAIN, where folders or a table say which; else None.
        ungrouped: paths of images that have no group, where others have.
        sizes: (width, height) -> number of files.
        left_out: files that do not count.
        unmatched_rows: files that the table of labels names and that are not there.
    """

    source: str
    files: tuple[Path, ...]
    digests: tuple[str, ...]
    labels: npt.NDArray[np.int64]
    class_names: tuple[str, ...]
    groups: npt.NDArray[np.int64] | None
    twins: npt.NDArray[np.int64]
    num_in_series: int
    parts: npt.NDArray[np.int64] | None
    ungrouped: tuple[str, ...]
    sizes: Counter[tuple[int, int]]
    left_out: tuple[LeftOut, ...]
    unmatched_rows: tuple[str, ...] = ()

    @property
    def counts(self) -> dict[str, int]:
        """Images per class."""
        return dict(zip(self.class_names, np.bincount(self.labels, minlength=len(self.class_names)), strict=True))


def survey_folder(folder: Folder, watch: Callable[[Sequence[FoundFile]], Iterable[FoundFile]] = iter) -> Survey:
    """Looks into every file once.

    Args:
        folder: where they lie.
        watch: goes through the files as it is asked for the next one, and may show how far it is.

    Raises:
        DataError: no such folder, one that cannot be read, one class only, no image, groups or labels that name
            nothing or say two things of one image.
    """
    root = Path(folder.path)
    tree, labels = _labelled(root, Path(folder.labels)) if folder.labels else (read_tree(root), None)
    counted: dict[str, FoundFile] = {}  # digest -> the first file with these bytes
    left_out: list[LeftOut] = []
    looks: list[Look] = []
    with ThreadPoolExecutor() as pool:
        outcomes = pool.map(inspect, [file.path for file in tree.files])
        for file, (digest_or_reason, look) in zip(watch(tree.files), outcomes, strict=True):
            if not is_text(str(file.path)):
                left_out.append(LeftOut(f"{file.path.name!a}", "a name that is no text"))
            elif look is None:
                left_out.append(LeftOut(str(file.path.relative_to(root)), digest_or_reason))
            elif digest_or_reason in counted:
                left_out.append(_left_out_copy(file, counted[digest_or_reason], root))
            else:
                counted[digest_or_reason] = file
                looks.append(look)
    left_out += tree.left_out
    files = tuple(counted.values())
    class_names = tuple(sorted({file.class_name for file in files}))
    _check_classes(root, class_names, len(tree.files), left_out)
    names = [as_nfc(file.path.relative_to(root).as_posix()) for file in files]
    twins = groups_of_twins([look.appearance for look in looks])
    takes_twins = folder.groups == NEAR_DUPLICATES and not folder.pattern
    group_of = None if takes_twins else groups_of(folder.groups, folder.pattern, names)
    if group_of is None and labels is not None and not takes_twins:
        group_of = labels.group_of
    groups = twins if takes_twins else None if group_of is None else numbered(group_of, names)
    parts = [file.part for file in files if file.part is not None]
    return Survey(
        source=f"{FOLDER}{_fingerprint(names, list(counted), groups, None if labels is None else files)}",
        files=tuple(file.path for file in files),
        digests=tuple(counted),
        labels=np.array([class_names.index(file.class_name) for file in files], dtype=np.int64),
        class_names=class_names,
        groups=groups,
        twins=twins,
        num_in_series=num_in_series(look.taken for look in looks),
        parts=np.array(parts, dtype=np.int64) if len(parts) == len(files) else None,
        ungrouped=() if group_of is None else tuple(name for name in names if name not in group_of),
        sizes=Counter(look.size for look in looks),
        left_out=tuple(left_out),
        unmatched_rows=() if labels is None else labels.unmatched,
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
    return Images(
        pixels,
        survey.labels,
        survey.class_names,
        names,
        groups=survey.groups,
        parts=survey.parts,
        left_out=survey.left_out,
    )


def _labelled(root: Path, table: Path) -> tuple[Tree, Labels]:
    """Returns the images that a table names, by class, and what it says of them; the others are left out."""
    path_of = {
        as_nfc(path.relative_to(root).as_posix()): path
        for path in files_below(root)
        if path.suffix.lower() in SUFFIXES and is_text(str(path))
    }
    if not path_of:
        raise DataError(f"{root}: no image ({', '.join(SUFFIXES)} are read)")
    labels = read_labels(table, list(path_of))
    parts = labels.part_of or {}
    files = [
        FoundFile(path_of[name], class_name, parts.get(name))
        for class_name, name in sorted((class_name, name) for name, class_name in labels.label_of.items())
    ]
    without_row = [name for name in path_of if name not in labels.label_of]
    return Tree(tuple(files), tuple(LeftOut(name, "no row of the table", "unlabelled") for name in without_row)), labels


def _left_out_copy(file: FoundFile, first: FoundFile, root: Path) -> LeftOut:
    name, reason = str(file.path.relative_to(root)), f"the same bytes as {first.path.relative_to(root)}"
    if first.class_name == file.class_name:
        return LeftOut(name, reason, "duplicate")
    return LeftOut(name, f"{reason}, of another class: which is right?", "conflict")


def _check_classes(root: Path, class_names: tuple[str, ...], num_files: int, left_out: list[LeftOut]) -> None:
    if not class_names:
        first_reason = f"; {left_out[0]}" if left_out else ""
        raise DataError(
            f"{root}: no image in its class folders ({num_files} files; {', '.join(SUFFIXES)} are read{first_reason})"
        )
    if len(class_names) < 2:
        inner = Path(root, class_names[0])
        below = sorted(path.name for path in folders_in(inner)) if inner.is_dir() else []
        hint = f"; is it {inner} with {', '.join(below[:3])} that is meant?" if below else ""
        raise DataError(
            f"{root}: one class only ({class_names[0]!r}); a folder per class is needed, at least two with images{hint}"
        )


def _fingerprint(
    names: list[str],
    digests: list[str],
    groups: npt.NDArray[np.int64] | None,
    labelled: Sequence[FoundFile] | None,
) -> str:
    """Returns 16 hexadecimal digits for names, bytes and groups of images, and for what a table says of them."""
    lines = [f"{name}\t{digest}" for name, digest in zip(names, digests, strict=True)]
    content = hashlib.sha256("\n".join(lines).encode())
    content.update(b"" if groups is None else groups.tobytes())
    if labelled is not None:
        content.update("\n".join(f"{file.class_name}\t{file.part}" for file in labelled).encode())
    return content.hexdigest()[:16]
