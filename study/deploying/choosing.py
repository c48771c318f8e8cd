"""Which of the exported files is the one to deploy: the answer's arm, deciding as the answer says. By validation."""

import sys
from collections.abc import Sequence
from typing import Literal

from export.runs import Exported, best_arm, champion
from study.answers import RECALIBRATED, Answer
from study.commandline import say
from trainables.evaluation import Target
from trainables.storage import Record


def choose_deployed(
    exported: Sequence[Exported], records: Sequence[Record], answer: Answer | None, target: Target | None
) -> tuple[Exported, str] | None:
    """Returns the run and the variant to deploy; where there is none, stderr says why.

    Args:
        exported: a run of each arm.
        records: all runs of these arms.
        answer: chooses arm and threshold, by validation; without one the best arm by validation is taken, as trained.
        target: has a threshold of its own.
    """
    arm = best_arm(records) if answer is None else answer.chosen.arm
    threshold: Literal["", "recalibrated", "target"] = ""
    if answer is not None and target is not None:
        threshold = "target"
    elif answer is not None and answer.chosen.way == RECALIBRATED:
        threshold = "recalibrated"
    deployed = champion(exported, records, arm, threshold)
    if deployed is None:
        why = _why_none([run for run in exported if run.record.arm == arm], threshold, target)
        say(f"nothing to deploy: of the best arm by validation, {arm}, {why}", sys.stderr)
    return deployed


def _why_none(runs_of_arm: Sequence[Exported], threshold: str, target: Target | None) -> str:
    if not runs_of_arm:
        return "nothing was exported (--best exports it)"
    if threshold and not any(name.endswith(f"-{threshold}") for run in runs_of_arm for name in run.files):
        wanted = target.text if target and threshold == "target" else "a threshold chosen on validation"
        return f"seed {runs_of_arm[0].record.seed} has no file that decides at {wanted}"
    return "no exact file finds the rare class as the trained network does"
