"""A folder whose images change: what is said of it, by day and counts."""

import json
from pathlib import Path

from study.answers import FolderVersion, keep_version, recall_versions, what_changed
from tests.support.records import make_record
from trainables.configuration import Configuration
from trainables.storage import RunFolder

OLD, OLDER, NEW = (f"folder:{digit * 16}" for digit in "123")
PATH = "/photos"
COUNTS = {"healthy": 154, "scab": 31, "rust": 2}
LONG_AGO = "2026-01-02T12:01:00+00:00"
VERSIONS = {
    OLDER: FolderVersion(PATH, {"healthy": 100}, "2026-01-01T00:00:00+00:00", "2026-01-01T00:00:00+00:00"),
    OLD: FolderVersion(PATH, {"healthy": 150, "scab": 31, "dew": 3}, LONG_AGO, LONG_AGO),
}


def test_what_was_kept_comes_back_and_the_first_use_stays(tmp_path: Path) -> None:
    folder = RunFolder(str(tmp_path))
    keep_version(folder, OLD, PATH, {"healthy": 150, "scab": 25})
    (kept,) = recall_versions(folder).values()
    assert (kept.path, kept.what) == (PATH, "150 healthy, 25 scab")
    keep_version(folder, OLD, "/moved", {"healthy": 150, "scab": 25})
    (again,) = recall_versions(folder).values()
    assert (again.path, again.first_used) == ("/moved", kept.first_used)
    assert again.last_used >= kept.last_used


def test_a_damaged_note_is_no_note(tmp_path: Path) -> None:
    folder = RunFolder(str(tmp_path))
    folder.put("folder-versions.json", json.dumps({OLD: {"path": 3}}).encode())
    assert recall_versions(folder) == {}


def test_a_change_is_said_by_class_and_earlier_runs_are_counted() -> None:
    records = [
        make_record(configuration=Configuration().replace({"data.source": source})) for source in (OLD, OLD, OLDER, NEW)
    ]
    line = what_changed(VERSIONS, NEW, PATH, COUNTS, records)
    assert line.startswith("changed since 2026-01-0")  # the day depends on the time zone
    assert line.endswith(": +4 healthy, -3 dew, +2 rust; 3 earlier runs kept apart")


def test_the_same_counts_of_other_images_are_a_change_too() -> None:
    line = what_changed(VERSIONS, NEW, PATH, VERSIONS[OLD].counts, [])
    assert "as many images, but others (replaced, renamed or grouped anew); 0 earlier runs" in line


def test_nothing_is_said_of_what_is_as_it_was_or_is_new() -> None:
    assert what_changed(VERSIONS, OLD, PATH, COUNTS, []) == ""
    assert what_changed(VERSIONS, NEW, "/elsewhere", COUNTS, []) == ""
    assert what_changed({}, NEW, PATH, COUNTS, []) == ""
