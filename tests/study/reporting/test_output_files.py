from pathlib import Path

import pytest

from study.reporting.output_files import output_folder, writing
from trainables.common import RecordError
from trainables.storage import RunFolder


def test_files_lie_in_the_run_folder_and_here_where_that_is_remote(tmp_path: Path) -> None:
    assert output_folder(RunFolder(str(tmp_path)), "figures") == tmp_path / "figures"
    assert output_folder(RunFolder("memory://runs"), "pages") == Path("pages")


def test_what_cannot_be_written_is_one_line(tmp_path: Path) -> None:
    with writing(tmp_path / "a" / "b.png"):
        (tmp_path / "a" / "b.png").write_bytes(b"")
    with (
        pytest.raises(RecordError, match=r"c\.png cannot be written: File exists"),
        writing(tmp_path / "a" / "b.png" / "c.png"),
    ):
        pass
