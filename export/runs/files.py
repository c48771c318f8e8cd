"""What an export leaves on disk: a folder that is whole or absent, and plain data for JSON."""

import math
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any


@contextmanager
def replacing(place: Path) -> Iterator[Path]:
    """Yields a new folder that takes the place of another at the end; where anything fails the other stays as it was.

    Raises:
        OSError: the folder cannot be written.
    """
    part, old = (place.with_name(f".{place.name}.{os.getpid()}.{ending}") for ending in ("part", "old"))
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir(parents=True)
    try:
        yield part
        if place.exists():
            place.rename(old)
        part.rename(place)
    finally:
        if old.exists() and not place.exists():
            old.rename(place)
        for leftover in (part, old):
            shutil.rmtree(leftover, ignore_errors=True)


def json_ready(value: Any) -> Any:
    """Returns nested dicts and lists in which what JSON has no number for, NaN and infinity, is None."""
    if isinstance(value, dict):
        return {key: json_ready(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [json_ready(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
