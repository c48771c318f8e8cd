"""The one way to read a file that somebody names: a regular file of a stated size, never a FIFO, a device or a socket.

Opening a FIFO waits for a writer, and a device such as /dev/zero has no end.
"""

import hashlib
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from io import BufferedReader
from pathlib import Path

MIB, GIB = 2**20, 2**30
_KINDS = {
    stat.S_ISDIR: "a folder",
    stat.S_ISFIFO: "a FIFO",
    stat.S_ISSOCK: "a socket",
    stat.S_ISCHR: "a device",
    stat.S_ISBLK: "a device",
}


class NotRegularError(OSError):
    """What lies at a path is no regular file, or one larger than is read; the message is one line, without the path."""


def read_regular(path: Path, largest: int) -> bytes:
    """Returns what a regular file of at most `largest` bytes holds; links are followed.

    Raises:
        NotRegularError: something else lies there, or more.
        OSError: the file is missing or cannot be read.
    """
    with open_regular(path, largest) as file:
        size = os.fstat(file.fileno()).st_size
        content = file.read(size + 1)
    if len(content) > size:  # as those of /proc, which are said to be empty
        raise NotRegularError("grows while it is read")
    return content


def sha256_of_regular(path: Path, largest: int) -> str:
    """Returns the SHA-256 of a file, read a part at a time; raises as `read_regular`."""
    with open_regular(path, largest) as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def check_regular(path: Path, largest: int) -> None:
    """Raises as `read_regular` where a library is going to open a file by its path."""
    with open_regular(path, largest):
        pass


@contextmanager
def open_regular(path: Path, largest: int) -> Iterator[BufferedReader]:
    """Opens a regular file to be read; raises as `read_regular`."""
    _check(path.stat(), largest)  # opening a device may do something already
    descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
    with os.fdopen(descriptor, "rb") as file:
        _check(os.fstat(descriptor), largest)  # what was looked at may have been exchanged
        yield file


def _check(status: os.stat_result, largest: int) -> None:
    if not stat.S_ISREG(status.st_mode):
        kind = next((name for is_kind, name in _KINDS.items() if is_kind(status.st_mode)), "of another kind")
        raise NotRegularError(f"{kind}, not a regular file")
    if status.st_size > largest:
        unit, name = (GIB, "GiB") if largest >= GIB else (MIB, "MiB")
        raise NotRegularError(f"larger than {largest / unit:g} {name}, the most that is read")
