"""Which images belong together (one plant, one patient), from a table or their names: a group is in one split only."""

import re
import signal
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from itertools import pairwise
from pathlib import Path

import numpy as np
import numpy.typing as npt

from trainables.common import DataError
from trainables.data.image_tables import FILE, GROUP, by_file, match, read_rows

NEAR_DUPLICATES = "near-duplicates"  # instead of a table: images that show the same picture belong together
ONE_SERIES = timedelta(seconds=60)  # at most between neighbours
# CPU time that a pattern may take: some patterns take longer than the universe is old on a name of 30 letters
PATTERN_SECONDS, PATTERN_SECONDS_PER_NAME = 1.5, 2e-5
LONGEST_SHOWN = 200  # characters of a pattern


def groups_of(table: str, pattern: str, names: list[str]) -> dict[str, str] | None:
    """Returns the group of every image that a table or a pattern names; None where neither is given.

    Args:
        table: CSV or Parquet with the columns `file` (path, name, or name without suffix) and `group`; "" for none.
        pattern: a regular expression whose first parenthesis, found in the path, is the group; "" for none.
        names: paths of the images.

    Raises:
        DataError: both are given, or one that cannot be used or names no image.
    """
    if table and pattern:
        raise DataError("groups are given twice, by a table and by a pattern; one of the two is allowed")
    if table:
        return _from_table(Path(table), names)
    return _from_pattern(pattern, names) if pattern else None


def num_in_series(taken: Iterable[tuple[str, datetime] | None]) -> int:
    """Returns how many photos were taken within a minute of another one by the same camera, where EXIF says."""
    of_camera: dict[str, list[datetime]] = {}
    for camera, moment in filter(None, taken):
        of_camera.setdefault(camera, []).append(moment)
    number = 0
    for moments in of_camera.values():
        is_near = [later - earlier <= ONE_SERIES for earlier, later in pairwise(sorted(moments))]
        number += sum(before or after for before, after in pairwise([False, *is_near, False]))
    return number


def numbered(group_of: dict[str, str], names: list[str]) -> npt.NDArray[np.int64]:
    """Returns a group number per image, (images,); one that is in no group is a group of its own."""
    number_of: dict[str, int] = {}
    numbers = []
    for name in names:
        group = group_of.get(name, f"\0{name}")  # no group of a table or a path begins like this
        numbers.append(number_of.setdefault(group, len(number_of)))
    return np.array(numbers, dtype=np.int64)


def _from_table(path: Path, names: list[str]) -> dict[str, str]:
    row_of = match(path, by_file(path, read_rows(path), (FILE, GROUP)), names)
    group_of = {name: row[GROUP] for name, row in row_of.items() if row[GROUP]}
    if not group_of:
        raise DataError(f"{path}: no row names a group of one of the images, such as {names[0]}")
    return group_of


def _from_pattern(pattern: str, names: list[str]) -> dict[str, str]:
    group_of = {}
    seconds = PATTERN_SECONDS + PATTERN_SECONDS_PER_NAME * len(names)
    try:
        with _limited(seconds):
            compiled = re.compile(pattern)
            if compiled.groups < 1:
                raise DataError(
                    f"group pattern {pattern!r}: parentheses around the group are needed, such as '(plant\\d+)_'"
                )
            for name in names:
                match = compiled.search(name)
                if match and match[1]:
                    group_of[name] = match[1]
    except (re.error, RecursionError, OverflowError, MemoryError) as error:
        raise DataError(f"group pattern {pattern[:LONGEST_SHOWN]!r}: {error or 'too large'}") from error
    except TimeoutError as error:
        raise DataError(
            f"group pattern {pattern[:LONGEST_SHOWN]!r}: takes more than {seconds:.1f} s on {len(names)} names; a "
            "repetition inside a repetition, such as (a+)+, takes for ever"
        ) from error
    if not group_of:
        raise DataError(f"group pattern {pattern!r} is found in no image name, such as {names[0]}")
    return group_of


@contextmanager
def _limited(seconds: float) -> Iterator[None]:
    """Raises TimeoutError in what takes more than so much CPU time; where no signals are to be had, it has no limit."""
    if not hasattr(signal, "setitimer") or threading.current_thread() is not threading.main_thread():
        yield
        return

    def stop(number: int, frame: object) -> None:
        raise TimeoutError

    before = signal.signal(signal.SIGVTALRM, stop)
    signal.setitimer(signal.ITIMER_VIRTUAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        signal.signal(signal.SIGVTALRM, before)
