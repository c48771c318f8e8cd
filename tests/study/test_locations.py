"""Where things lie, and what of it may be shown."""

import shlex
import sys
from pathlib import Path

import pytest

from study import report
from study.commandline import read_locations
from study.locations import command_line, without_password


def test_passwords_of_uris_are_not_shown() -> None:
    assert without_password("postgresql://me:se:cr@t@host:5/db") == "postgresql://me:***@host:5/db"
    assert without_password("cannot reach http://a:b@h/x now") == "cannot reach http://a:***@h/x now"
    for harmless in ("sqlite:////runs/mlflow.db", "http://host:5000/a@b", "s3://bucket/x"):
        assert without_password(harmless) == harmless


@pytest.mark.parametrize(
    ("inside", "start"), [(False, shlex.quote(sys.executable)), (True, "ray job submit --working-dir . -- python")]
)
def test_a_line_to_paste_runs_where_it_is_read(monkeypatch: pytest.MonkeyPatch, inside: bool, start: str) -> None:
    if inside:
        monkeypatch.setenv("RAY_JOB_CONFIG_JSON_ENV_VAR", "{}")
    line = command_line("export", ["digits", "--runs", "/a folder/runs", "--tracking-uri", "http://me:secret@host/"])
    assert line == f"{start} -m export digits --runs '/a folder/runs' --tracking-uri http://me:***@host/"


def test_what_a_command_prints_to_paste_names_the_folders(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("FINALBN_DATA", str(tmp_path / "data"))
    monkeypatch.delenv("FINALBN_RUNS", raising=False)
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)

    def words(*arguments: str) -> tuple[str, ...]:
        return read_locations(report.parser().parse_args(arguments)).options

    assert words() == ("--runs", f"{tmp_path}/runs")
    assert words("--runs", "mine", "--data-root", "mine", "--tracking-uri", "http://host") == (
        *("--runs", f"{tmp_path}/mine", "--data-root", f"{tmp_path}/mine", "--tracking-uri", "http://host"),
    )
    monkeypatch.setenv("RAY_JOB_CONFIG_JSON_ENV_VAR", "{}")  # there the folder is another: outside, --runs is needed
    monkeypatch.setenv("HOME", "/home/me")
    assert words() == ("--runs", "/home/me/final-bn/runs")
