"""Whatever a command is given, it says one clear line and ends with the exit code of wrong usage; it starts nothing."""

import json
import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from study.commandline import WRONG_USAGE
from study.studies import STUDIES
from tests.contracts.bad_inputs import cases, warm_up
from tests.support.commands import Ended, run_here
from tests.support.no_files import Material
from tests.support.records import make_records, write_runs
from tests.support.refusals import ACTS, judge, nothing_starts
from trainables.storage import RECORD

HOSTILE = {
    "colour": "\x1b[31mred",
    "title": "\x1b]0;owned\x07",
    "lines": "a\nb\r",
    "right to left": "exe.\u202egnp",
    "tag": "<script>alert(1)</script>",
    "formula": "=HYPERLINK(1)",
    "table": "|x|`y`",
    "link": "![i](http:x)",
    "template": "{{7*7}}",
    "markup": "[bold]x[/bold]",
    "long": "x" * 240,
}
COUNTS = {"--seeds": ("study.grid", "study.search"), "--trials": ("study.search",), "--tuning-seeds": ("study.search",)}
QUOTED = [["--\x1b[31m"], ["\x1b[31mdigits"], ["digits\n"], ["--set", "\u202e=1"], ["--format", "\x07"]]
RUNS = ["", " ", "ftp://host/x", "zip://a.zip", "https://host/x", "simplecache::s3://b/x", "nosuch://x", "x://\x1b[31m"]
SPACES = {
    "50,000 batch sizes": "batch_size=" + ",".join(map(str, range(2, 50_002))),
    "50,000 image sizes": "data.image_size=" + ",".join(map(str, range(8, 50_008))),
}


EVERY = 13  # of the cases; `python -m tests.contracts.bad_inputs` gives all of them, in about two minutes


@pytest.mark.timeout(180)
def test_what_is_wrong_is_refused_in_one_line_and_nothing_starts(tmp_path: Path) -> None:
    """Every command, every option, with another kind of wrong each; all kinds take turns."""
    material = Material(tmp_path)
    with nothing_starts():
        warm_up(material)
        # what starts a process of its own for each case is left to the command
        verdicts = [
            judge(case) for case in [*cases(material)][::EVERY] if case.kind not in ("path IN", "path --inputs")
        ]
    material.close()
    assert [(v.case.command, v.case.kind, v.case.arguments, v.faults) for v in verdicts if v.faults] == []
    assert len(verdicts) > 100


def _is_one_line(ended: Ended) -> bool:
    """Whether a command refused on one line (argparse puts its usage before it), and nothing on it acts."""
    said = ended.stderr.splitlines()
    usage_or_nothing = not said[:-1] or said[0].startswith("usage: ")
    return ended.returncode == WRONG_USAGE and usage_or_nothing and not ACTS.search(ended.stdout + ended.stderr)


@pytest.mark.parametrize("value", ["0", "-1", "1000000000", "9" * 6000, "1.5", "nan", "", "\x1b[31m5"])
@pytest.mark.parametrize(("option", "command"), [(o, c) for o, commands in COUNTS.items() for c in commands])
def test_a_count_out_of_bounds(option: str, command: str, value: str, tmp_path: Path) -> None:
    assert _is_one_line(run_here(command, "digits", f"{option}={value}", runs=tmp_path))


@pytest.mark.parametrize(
    "arguments", [["--\x1b[31m"], ["\x1b[31mdigits"], ["digits\n"], ["--set", "\u202e=1"], ["--format", "\x07"]]
)
@pytest.mark.parametrize("command", ["study.grid", "study.report", "export"])
def test_what_is_quoted_of_a_command_line(command: str, arguments: list[str], tmp_path: Path) -> None:
    assert _is_one_line(run_here(command, *arguments, runs=tmp_path))


@pytest.mark.parametrize("runs", RUNS)
@pytest.mark.parametrize("command", ["study.grid", "study.report", "export"])
def test_a_run_folder_that_no_one_means(command: str, runs: str) -> None:
    ended = run_here(command, "digits", f"--runs={runs}")
    assert _is_one_line(ended)
    assert "--runs: got" in ended.stderr


@pytest.mark.parametrize("space", SPACES.values(), ids=SPACES.keys())
def test_a_space_of_too_many_values(space: str, tmp_path: Path) -> None:
    ended = run_here("study.search", "digits", "--space", space, runs=tmp_path)
    assert _is_one_line(ended)
    assert "got 50000 values; at most 100 are allowed" in ended.stderr


def _photos(folder: Path, other_class: str) -> Path:
    rng = np.random.default_rng(0)
    for name in dict.fromkeys(("a", "b", other_class)):
        (folder / name).mkdir(parents=True)
        for i in range(6):
            Image.fromarray(rng.integers(0, 255, (9, 9, 3), dtype=np.uint8)).save(folder / name / f"{i}{'a' * 40}.png")
    return folder


def _dry_run(folder: Path, runs: Path, *arguments: str) -> Ended:
    own = ("images", "--data", f"folder:{folder}", "--minority", "a", "--network", "cnn", "--image-size", "16")
    return run_here("study.grid", *own, "--dry-run", *arguments, runs=runs)


def test_a_group_pattern_that_would_never_end(tmp_path: Path) -> None:
    ended = _dry_run(_photos(tmp_path / "photos", "b"), tmp_path / "runs", "--group-pattern", "(a+)+!")
    assert _is_one_line(ended)
    assert "group pattern '(a+)+!': takes more than 1.5 s on 12 names" in ended.stderr


@pytest.mark.parametrize("name", [name for name in HOSTILE.values() if "/" not in name])
def test_a_hostile_name_of_a_class_and_of_a_file_is_shown_escaped(name: str, tmp_path: Path) -> None:
    folder = _photos(tmp_path / "photos", name)
    (folder / "a" / f"{name}.png").write_text("no image")
    ended = _dry_run(folder, tmp_path / "runs")
    assert ended.returncode == 0, ended.stderr
    assert not ACTS.search(ended.stdout + ended.stderr)


@pytest.mark.parametrize("name", HOSTILE.values(), ids=HOSTILE.keys())
def test_a_hostile_class_in_records_is_shown_escaped_in_every_format(name: str, tmp_path: Path) -> None:
    changes = {"data.source": f"folder:{'0' * 16}", "data.minority": (name,), "data.majority": ("b",)}
    study = STUDIES["images"]().map(lambda configuration: configuration.replace(changes))
    metrics = {"test/f1/minority": 0.5, "validation/f1/minority": 0.5, f"final-norm/scale/{name}": 1.0,
               f"final-norm/shift/{name}": 1.0}  # fmt: skip
    records = make_records(study, metrics=lambda arm, seed: metrics, device=name, versions={"torch": name})
    write_runs(tmp_path, records)
    said = {}
    for form in ("table", "markdown", "json", "csv"):
        ended = run_here("study.report", "images", "--format", form, runs=tmp_path)
        assert ended.returncode == 0, ended.stderr
        assert not ACTS.search(ended.stdout + ended.stderr), form
        said[form] = ended.stdout
    assert "<script>" not in said["markdown"]
    assert "](http" not in said["markdown"]
    assert len({line.count(" | ") for line in said["markdown"].splitlines() if line.startswith("| class")}) <= 1
    assert not re.search(r"(^|,)\"?[=@]", said["csv"], re.MULTILINE)


def test_what_is_damaged_is_named_and_the_rest_is_shown(tmp_path: Path) -> None:
    folder = write_runs(tmp_path, make_records(STUDIES["digits"]().smoke()))
    records = sorted(tmp_path.glob(f"*/*/seed-0/{RECORD}"))
    newer = json.loads(records[0].read_text())
    newer["configuration"]["schedule.ages"] = 3
    records[0].write_text(json.dumps(newer))
    records[1].unlink()
    records[1].mkdir()
    (tmp_path / "search").mkdir()
    (tmp_path / "search" / "digits-tuned.json").write_text("{")
    ended = run_here("study.report", "digits-smoke", "digits-tuned", runs=tmp_path)
    assert ended.returncode == 1
    assert "final BN" in ended.stdout
    left_out = [line for line in ended.stderr.splitlines() if line.startswith("left out: ")]
    for file, reason in ((records[0], "schedule.ages"), (records[1], "a folder, not a regular file")):
        assert any(str(file.relative_to(tmp_path)) in line and reason in line for line in left_out)
    assert any("search/digits-tuned.json is damaged" in line for line in left_out)
    assert folder.studies() == ["digits-smoke"]
