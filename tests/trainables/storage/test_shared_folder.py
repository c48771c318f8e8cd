import os
from pathlib import Path

import pytest
from fsspec.implementations.local import LocalFileSystem

from trainables.common import RecordError
from trainables.storage import SharedFolder


def test_a_write_that_fails_leaves_no_part_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = SharedFolder(str(tmp_path))

    def full(self: LocalFileSystem, path: str, content: bytes) -> None:
        Path(path).write_bytes(content[:1])
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(LocalFileSystem, "pipe_file", full)
    with pytest.raises(RecordError, match="No space left on device"):
        folder.put("note", b"content")
    assert not list(tmp_path.iterdir())


def test_a_folder_that_cannot_be_written_says_so(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(RecordError, match="cannot be written"):
        SharedFolder(str(tmp_path / "file" / "runs")).probe()


def test_a_url_that_cannot_be_opened_says_so() -> None:
    with pytest.raises(RecordError, match="run folder nonsense://x: Protocol not known"):
        SharedFolder("nonsense://x")


def test_a_file_that_cannot_be_removed_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = SharedFolder(str(tmp_path))
    folder.remove("not there")
    folder.put("file", b"")

    def refuse(self: LocalFileSystem, path: str) -> None:
        raise PermissionError("Access Denied")

    monkeypatch.setattr(LocalFileSystem, "rm_file", refuse)
    with pytest.raises(RecordError, match="file cannot be removed: Access Denied"):
        folder.remove("file")


@pytest.mark.parametrize(
    ("umask", "mode"), [(0o022, 0o700), (0o002, 0o700), (0o027, 0o750), (0o007, 0o770), (0o077, 0o700)], ids=oct
)
def test_a_folder_is_made_for_its_owner_alone_unless_a_umask_says_otherwise(
    umask: int, mode: int, tmp_path: Path
) -> None:
    before = os.umask(umask)
    try:
        SharedFolder(str(tmp_path / "new" / "runs")).put("file", b"")
    finally:
        os.umask(before)
    assert (tmp_path / "new" / "runs").stat().st_mode & 0o777 == mode


def test_a_folder_that_is_there_keeps_its_mode(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    SharedFolder(str(tmp_path)).put("file", b"")
    assert tmp_path.stat().st_mode & 0o777 == 0o755
