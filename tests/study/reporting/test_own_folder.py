"""Runs on somebody's own folder that changed: named by day and counts, the newest first, made again when pasted."""

import io
import json
import shlex
from pathlib import Path

import pytest
from rich.console import Console

from study.answers import keep_version
from study.commandline import read_request
from study.evidence import Group
from study.grid import parser
from study.reporting import groups_of, print_study
from study.reporting.markdown import command_of
from study.studies import find
from tests.support.records import make_records, write_runs
from trainables.storage import RunFolder

OLD, NEW = "folder:1111111111111111", "folder:2222222222222222"
CNN = {"network.name": "cnn", "network.weights": "none", "network.trainable": "all", "data.image_size": 32}


@pytest.fixture
def folder(tmp_path: Path) -> RunFolder:
    """Two seeds on either version of a folder; the old one's runs are the first in any alphabet."""
    (study,) = find(["images"])
    roles = {"data.minority": ["scab, 2026", "rust"], "data.majority": ["healthy"]}
    for source, day in ((OLD, "2026-01-01"), (NEW, "2026-01-02")):
        changed = study.map(lambda configuration: configuration.replace({"data.source": source, **roles, **CNN}))  # noqa: B023
        folder = write_runs(tmp_path, make_records(changed, finished_at=f"{day}T10:00:00+00:00")[:4])
        keep_version(folder, source, "/my photos", {"healthy": 60, "rust": 3, "scab, 2026": 5})
    kept = {source: {"path": "/my photos", "groups": "/a b.csv", "pattern": ""} for source in (OLD, NEW)}
    folder.put("folders.json", json.dumps(kept).encode())
    return folder


def _groups(folder: RunFolder) -> list[Group]:
    return groups_of(find(["images"])[0], folder)


def test_the_newest_is_first_and_hashes_are_not_shown(folder: RunFolder) -> None:
    groups = _groups(folder)
    assert [group.configuration("none, rate 0.001").data.source for group in groups] == [NEW, OLD]
    assert groups[0].title.startswith("scab, 2026, rust in my photos, as of 20")
    assert groups[0].title.endswith(", 32 pixels, cnn")
    screen = Console(file=io.StringIO(), width=240, markup=False)
    print_study(groups[0].study, folder, screen)
    assert isinstance(screen.file, io.StringIO)
    text = screen.file.getvalue()
    assert "photos     60 healthy, 3 rust, 5 scab, 2026; as they were at" in text
    assert OLD not in text
    assert NEW not in text


def test_one_version_needs_no_date(folder: RunFolder, tmp_path: Path) -> None:
    study = find(["images"])[0]
    only = [record for record in folder.records("images") if record.configuration["data.source"] == NEW]
    alone = write_runs(tmp_path / "alone", only)
    alone.put("folders.json", folder.get("folders.json") or b"")
    (group,) = groups_of(study, alone)
    assert group.title == "scab, 2026, rust in my photos, 32 pixels, cnn"


def test_the_command_repeats_the_runs_when_it_is_pasted(folder: RunFolder) -> None:
    group = _groups(folder)[0]
    words = shlex.split(command_of(group))
    assert words[:4] == ["python", "-m", "study.grid", "images"]
    request = read_request(parser().parse_args(words[3:]))
    changes = request.changes
    assert (changes.source, changes.groups) == ("folder:/my photos", "/a b.csv")
    assert (changes.network, changes.image_size, request.num_seeds) == ("cnn", 32, 2)
    assert words.count("--minority") == 2  # a class has a comma in its name
    assert not {"PATH", "NAME"} & set(words)


def test_weights_are_named_by_their_file(folder: RunFolder) -> None:
    (study,) = find(["images"])
    identity = f"sha256:{'3' * 16}"
    changed = study.map(lambda configuration: configuration.replace({"data.source": NEW, "network.weights": identity}))
    write_runs(folder.url, make_records(changed, finished_at="2026-01-03T10:00:00+00:00")[:2])
    folder.put("weights.json", json.dumps({identity: "/w/my net.pt"}).encode())
    group = _groups(folder)[0]
    assert "--weights '/w/my net.pt'" in command_of(group)
    assert "weights from a file" in group.title
