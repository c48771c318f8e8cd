"""Tables that say something of images, a row an image: their class, group or part of the split. CSV or Parquet."""

import csv
import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from trainables.common import MIB, DataError, check_regular, printable
from trainables.data.images import PART_OF_NAME

LARGEST_TABLE = 256 * MIB

Row = dict[str, str]
FILE, LABEL, GROUP, SPLIT = "file", "label", "group", "split"
_SEPARATOR = re.compile(r"\s*[|;,]\s*|\s+")  # between the labels of one image, in tables that give it several
_FEWEST_CLASSES_BY_COLUMN = 2


@dataclass(frozen=True)
class Labels:
    """What a table of labels says of the images that it names, by their path below the folder.

    Attributes:
        label_of: the class.
        group_of: what belongs together; None where the table has no such column.
        part_of: TEST, VALIDATION or TRAIN; None where the table has no column `split`.
        unmatched: what rows call files that are not there.
    """

    label_of: dict[str, str]
    group_of: dict[str, str] | None
    part_of: dict[str, int] | None
    unmatched: tuple[str, ...]


def read_labels(table: Path, names: Sequence[str]) -> Labels:
    """Returns the classes that a table gives to images.

    Args:
        table: CSV or Parquet with the columns `file` (path, name, or name without suffix) and `label`, and perhaps
            `group` and `split` (train, val or test).
        names: paths of the images.

    Raises:
        DataError: a table that cannot be read or lacks a column, several classes for one image, a part of no split,
            no row that names an image.
    """
    rows = read_rows(table)
    _refuse_one_column_per_class(table, rows)
    row_of_file = by_file(table, rows, (FILE, LABEL))
    unlabelled = [file for file, row in row_of_file.items() if not row[LABEL]]
    if unlabelled:
        raise DataError(f"{table}: {unlabelled[0]} has no label ({len(unlabelled)} such rows); each image needs one")
    _refuse_several_labels(table, row_of_file)
    odd = next((row[LABEL] for row in row_of_file.values() if printable(row[LABEL]) != row[LABEL]), None)
    if odd is not None:
        raise DataError(f"{table}: label {odd!r} cannot be shown in one line")
    row_of = match(table, row_of_file, names)
    columns = rows[0].keys()
    used = {id(row) for row in row_of.values()}
    return Labels(
        label_of={name: row[LABEL] for name, row in row_of.items()},
        group_of={name: row[GROUP] for name, row in row_of.items() if row[GROUP]} if GROUP in columns else None,
        part_of={name: _part(table, name, row[SPLIT]) for name, row in row_of.items()} if SPLIT in columns else None,
        unmatched=tuple(file for file, row in row_of_file.items() if id(row) not in used),
    )


def read_rows(table: Path) -> list[Row]:
    """Returns the rows of a CSV or Parquet file, every value as text, "" where there is none; one at least.

    Raises:
        DataError: a file that cannot be read, or without a row.
    """
    try:
        check_regular(table, LARGEST_TABLE)
        rows = _parquet_rows(table) if table.suffix.lower() in (".parquet", ".pq") else _csv_rows(table)
    except (OSError, ValueError, csv.Error) as error:
        raise DataError(f"{table}: cannot be read ({' '.join(str(error).split())})") from error
    if not rows:
        raise DataError(f"{table}: no row")
    return rows


def by_file(table: Path, rows: Sequence[Row], needed: Sequence[str]) -> dict[str, Row]:
    """Returns the row of every file that a table names; the same row twice is one.

    Raises:
        DataError: a column that is needed and not there, rows of one file that say different things.
    """
    columns = [name for name in rows[0] if name]
    if not set(needed) <= set(columns):
        raise DataError(f"{table}: columns {', '.join(columns) or 'none'}; {' and '.join(needed)} are needed")
    row_of_file: dict[str, Row] = {}
    for row in rows:
        first = row_of_file.setdefault(row[FILE], row)
        for column in (LABEL, GROUP, SPLIT):
            if first.get(column) != row.get(column):
                raise DataError(
                    f"{table}: {row[FILE]} is in two {column}s, {first[column]} and {row[column]}; one is allowed"
                )
    return row_of_file


def match(table: Path, row_of_file: Mapping[str, Row], names: Sequence[str]) -> dict[str, Row]:
    """Returns {image: row} of the images that rows name by path, by name, or by name without suffix.

    Raises:
        DataError: a row that names several images, no row that names one.
    """
    num_with = Counter(key for name in names for key in _short_names(name))
    row_of = {}
    for name in names:
        keys = [key for key in (name, *_short_names(name)) if key in row_of_file]
        if not keys:
            continue
        if keys[0] != name and num_with[keys[0]] > 1:
            raise DataError(
                f"{table}: {keys[0]} is the name of {num_with[keys[0]]} images; give its path, such as {name}"
            )
        row_of[name] = row_of_file[keys[0]]
    if not row_of:
        such_as = f", such as {names[0]}" if names else ""
        raise DataError(f"{table}: none of its {len(row_of_file)} files is among the images{such_as}")
    return row_of


def as_nfc(text: str) -> str:
    """Returns a name in Unicode's composed form: systems store an umlaut in one code point or in two."""
    return unicodedata.normalize("NFC", text)


def _short_names(name: str) -> tuple[str, ...]:
    file_name = name.rpartition("/")[2]
    stem = file_name.rpartition(".")[0]
    return (file_name, stem) if stem else (file_name,)


def _csv_rows(table: Path) -> list[Row]:
    with table.open(newline="", encoding="utf-8-sig") as file:
        return [_as_row(row) for row in csv.DictReader(file)]


def _parquet_rows(table: Path) -> list[Row]:
    import pandas  # takes a second to import

    frame = pandas.read_parquet(table)
    frame = frame.astype(object).where(frame.notna(), None)
    return [_as_row(row) for row in frame.to_dict("records")]


def _as_row(row: Mapping[str | None, object]) -> Row:
    """Returns a row as text; what stands beyond the last column has no name and is left out."""
    texts = {str(name).strip(): as_nfc(str(value or "")) for name, value in row.items() if name is not None}
    return {name: text if name in (FILE, GROUP) else text.strip() for name, text in texts.items()}


def _part(table: Path, name: str, text: str) -> int:
    part = PART_OF_NAME.get(text.lower())
    if part is None:
        raise DataError(f"{table}: {name} has split {text!r}; allowed: {', '.join(PART_OF_NAME)}")
    return part


def _refuse_one_column_per_class(table: Path, rows: Sequence[Row]) -> None:
    """Raises DataError for a table with a column of zeros and ones per class instead of one column of labels."""
    if LABEL in rows[0]:
        return
    numbers = [name for name in rows[0] if name != FILE and all(row[name] in _ZERO_OR_ONE for row in rows)]
    if len(numbers) < _FEWEST_CLASSES_BY_COLUMN:
        return
    num_several = sum(sum(_ZERO_OR_ONE[row[name]] for name in numbers) > 1 for row in rows)
    several = f", {num_several} of {len(rows)} images in several classes (multi-label)" if num_several else ""
    raise DataError(
        f"{table}: a column per class ({_some(numbers)}){several}; needed is one column {LABEL} with one class an image"
    )


def _refuse_several_labels(table: Path, row_of_file: Mapping[str, Row]) -> None:
    """Raises DataError where a label is a list of what other rows have as their only label."""
    labels = {row[LABEL] for row in row_of_file.values()}
    lists = {label for label in labels if _is_list(label, labels)}
    if lists:
        number = sum(row[LABEL] in lists for row in row_of_file.values())
        raise DataError(
            f"{table}: {number} images have several labels ({_some(sorted(lists))}): multi-label tables are not read; "
            "give such images one label of their own, or leave them out"
        )


def _is_list(label: str, labels: set[str]) -> bool:
    parts = set(_SEPARATOR.split(label)) - {""}
    return len(parts) > 1 and (parts <= labels or ("|" in label and bool(parts & labels)))


def _some(names: Iterable[str], number: int = 3) -> str:
    listed = list(names)
    return ", ".join(listed[:number]) + (", ..." if len(listed) > number else "")


_ZERO_OR_ONE = {"0": 0, "1": 1, "0.0": 0, "1.0": 1, "False": 0, "True": 1}
