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


def numbered(known: dict[str, str], names: list[str]) -> npt.NDArray[np.int64]:
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
                file_name, its = as_nfc(row["file"] or ""), row["group"] or ""  # None in a row that is too short
                if rows.setdefault(file_name, its) != its:
                    raise DataError(f"{path}: {file_name} is in two groups, {rows[file_name]} and {its}")
    except (OSError, UnicodeDecodeError, csv.Error) as error:
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


def as_nfc(text: str) -> str:
    """Returns a name in Unicode's composed form: systems store an umlaut in one code point or in two."""
    return unicodedata.normalize("NFC", text)
