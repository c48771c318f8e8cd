"""Which images belong together (one plant, one patient), from a CSV or their names: a group is in one split only."""

import csv
import re
import unicodedata
from collections import Counter
from pathlib import Path

import numpy as np
import numpy.typing as npt

from trainables.errors import DataError


def groups_of(table: str, pattern: str, names: list[str]) -> dict[str, str] | None:
    """Returns the group of every image that a CSV or a pattern names; None where neither is given.

    Args:
        table: a CSV with the columns `file` (name, or path) and `group`; "" for none.
        pattern: a regular expression whose first parenthesis, found in the path, is the group; "" for none.
        names: paths of the images.

    Raises:
        DataError: both are given, or one that cannot be used or names no image.
    """
    if table and pattern:
        raise DataError("groups are given twice, by a CSV and by a pattern; one of the two is allowed")
    if table:
        return _from_csv(Path(table), names)
    return _from_pattern(pattern, names) if pattern else None


def numbered(group_of: dict[str, str], names: list[str]) -> npt.NDArray[np.int64]:
    """Returns a group number per image, (images,); one that is in no group is a group of its own."""
    number_of: dict[str, int] = {}
    numbers = []
    for name in names:
        group = group_of.get(name, f"\0{name}")  # no group of a CSV or a path begins like this
        numbers.append(number_of.setdefault(group, len(number_of)))
    return np.array(numbers, dtype=np.int64)


def _from_csv(path: Path, names: list[str]) -> dict[str, str]:
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            reader = csv.DictReader(file)
            if not {"file", "group"} <= set(reader.fieldnames or ()):
                columns = ", ".join(reader.fieldnames or ()) or "none"
                raise DataError(f"{path}: columns {columns}; file and group are needed")
            rows: dict[str, str] = {}  # file -> group
            for row in reader:
                file_name, group = as_nfc(row["file"] or ""), row["group"] or ""  # None in a row that is too short
                if rows.setdefault(file_name, group) != group:
                    raise DataError(f"{path}: {file_name} is in two groups, {rows[file_name]} and {group}")
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise DataError(f"{path}: cannot be read ({error})") from error
    num_with = Counter(_file_name(name) for name in names)
    group_of = {}
    for name in names:
        file_name = _file_name(name)
        if name not in rows and file_name in rows and num_with[file_name] > 1:
            raise DataError(
                f"{path}: {file_name} is the name of {num_with[file_name]} images; give its path, such as {name}"
            )
        group = rows.get(name, rows.get(file_name, ""))
        if group:
            group_of[name] = group
    if not group_of:
        raise DataError(f"{path}: none of its {len(rows)} files is among the images, such as {names[0]}")
    return group_of


def _file_name(name: str) -> str:
    return name.rpartition("/")[2]


def _from_pattern(pattern: str, names: list[str]) -> dict[str, str]:
    try:
        compiled = re.compile(pattern)
    except re.error as error:
        raise DataError(f"group pattern {pattern!r}: {error}") from error
    if compiled.groups < 1:
        raise DataError(f"group pattern {pattern!r}: parentheses around the group are needed, such as '(plant\\d+)_'")
    group_of = {}
    for name in names:
        match = compiled.search(name)
        if match and match[1]:
            group_of[name] = match[1]
    if not group_of:
        raise DataError(f"group pattern {pattern!r} is found in no image name, such as {names[0]}")
    return group_of


def as_nfc(text: str) -> str:
    """Returns a name in Unicode's composed form: systems store an umlaut in one code point or in two."""
    return unicodedata.normalize("NFC", text)
