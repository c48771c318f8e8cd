"""What is read by a path is a regular file of a stated size; everything else is one line at once."""

import os
import socket
from collections.abc import Callable
from pathlib import Path

import pytest

from trainables.common import MIB, NotRegularError, check_regular, read_regular, sha256_of_regular


def _socket(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(os.path.relpath(path))


SPECIAL: dict[str, Callable[[Path], None]] = {
    "a FIFO": os.mkfifo,
    "a folder": Path.mkdir,
    "a socket": _socket,
    "a device": lambda path: path.symlink_to("/dev/zero"),
}


@pytest.mark.parametrize("read", [lambda path: read_regular(path, 10), lambda path: check_regular(path, 10)])
@pytest.mark.parametrize("kind", SPECIAL)
def test_what_is_no_regular_file_is_said_at_once(kind: str, read: Callable[[Path], None], tmp_path: Path) -> None:
    path = tmp_path / "x"
    SPECIAL[kind](path)
    with pytest.raises(NotRegularError, match=f"^{kind}, not a regular file$"):
        read(path)


def test_a_file_is_read_up_to_its_stated_size_and_through_a_link(tmp_path: Path) -> None:
    path, link = tmp_path / "x", tmp_path / "link"
    path.write_bytes(b"abc")
    link.symlink_to(path)
    assert read_regular(link, 3) == b"abc"
    assert sha256_of_regular(link, 3).startswith("ba7816bf")
    with path.open("wb") as file:
        file.truncate(MIB + 1)  # takes no room on the disk
    with pytest.raises(NotRegularError, match="larger than 1 MiB"):
        read_regular(link, MIB)


def test_a_file_that_claims_to_be_empty_and_is_not_is_refused() -> None:
    if not Path("/proc/self/status").exists():
        pytest.skip("no /proc here")
    with pytest.raises(NotRegularError, match="grows"):
        read_regular(Path("/proc/self/status"), MIB)
