"""What is said while runs go on names what is done, and fits a terminal of 80 columns."""

import io

import pytest
from rich.console import Console

from study.execution.progress import CountProgress, RunProgress, doing
from study.studies import find
from trainables.configuration import Trial

LONGEST = "final BN + weighted loss + augmentation + mixup + weight decay"


def _console(is_terminal: bool) -> Console:
    return Console(file=io.StringIO(), width=80, force_terminal=is_terminal, color_system=None, legacy_windows=False)


def _said(console: Console) -> str:
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


@pytest.mark.parametrize("is_terminal", [False, True])
def test_runs_are_counted_by_name_beside_the_best_arm(is_terminal: bool) -> None:
    console = _console(is_terminal)
    (study,) = find(["digits-smoke"])
    trial = Trial(study.name, LONGEST, study.arm(LONGEST).configuration, (0, 1))
    with RunProgress(64, 8, console) as progress:
        progress.epoch_done(trial, 1, 0.25)
        progress.trial_done(trial, {1: "a reason"})
    said = _said(console)
    assert "training runs" in said
    assert "10/64" in said
    assert "1 failed" in said
    assert "best validation F1 0.25" in said
    assert "…" not in said
    assert " ".join(said.split()).count("weight decay)") >= 1  # the longest name, on two lines if need be


def test_other_things_are_counted_by_name_too() -> None:
    console = _console(is_terminal=False)
    with CountProgress(2, console, "features of images") as progress:
        progress.add(2)
    assert _said(console) == "features of images 2/2, 0:00 left\n"


@pytest.mark.parametrize("is_terminal", [False, True])
def test_what_cannot_be_counted_is_said(is_terminal: bool) -> None:
    console = _console(is_terminal)
    with doing(console, "starting Ray"):
        pass
    assert "starting Ray" in _said(console)
