"""What thresholds of validation achieve on test images, and a target that none reaches."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from study.evidence import Group, group_records
from study.reporting import achieved_targets, operating_table
from study.studies import find
from tests.support.records import make_records, write_runs
from trainables.evaluation import Target, UnreachableError
from trainables.storage import RunFolder

ARMS = ("plain", "final BN")


def _runs(place: Path, validated: Sequence[float], tested: Sequence[float]) -> tuple[RunFolder, Group]:
    """Returns runs of two arms: leads of the rare class, of images whose first half is frequent."""
    (study,) = find(["digits"])
    predictions: dict[str, np.ndarray] = {}
    for split, leads in (("validation", validated), ("test", tested)):
        scores = np.stack([np.zeros(len(leads)), leads], axis=1).astype(np.float32)
        for ending in ("", "-removed"):
            predictions[f"{split}{ending}/scores"] = scores
        predictions[f"{split}/labels"] = (np.arange(len(leads)) >= len(leads) // 2).astype(np.int64)
        predictions[f"{split}/positions"] = np.arange(len(leads))
    records = [record for record in make_records(study) if record.arm in ARMS]
    folder = write_runs(place, records, predictions)
    (group,) = group_records(study, folder.records(study.name))
    return folder, group


def test_arms_are_judged_on_test_images_with_the_final_norm_kept_and_removed(tmp_path: Path) -> None:
    folder, group = _runs(tmp_path, [0, 1, 2, 3], [0, 2, 1, 4])  # the threshold is 1.5
    target = Target("recall", 0.6)
    achieved = achieved_targets(group, ARMS, target, folder)
    assert [(line.arm, line.removed) for line in achieved] == [
        ("plain", False),
        ("final BN", False),
        ("final BN", True),
    ]
    assert [line.num_met(target) for line in achieved] == [0, 0, 0]  # one of two rare ones is found
    assert [line.num_met(Target("recall", 0.5)) for line in achieved] == [2, 2, 2]
    table = operating_table(group, achieved, target)
    cells = [list(column.cells) for column in table.columns]
    assert cells[0] == ["plain", "final BN", "final BN"]
    assert cells[1] == ["-", "kept", "removed"]
    assert cells[4] == ["0.500 ± 0.000"] * 3
    assert cells[6] == ["0 of 2"] * 3
    assert "chosen on 2 rare and 2 frequent validation images of each seed, judged on 2 rare" in str(table.caption)
    assert "64% at least: too few rare images for 95 %" in str(table.caption)  # 1 - 0.6^2


def test_a_target_that_no_seed_of_any_arm_reaches_is_refused_with_the_best(tmp_path: Path) -> None:
    folder, group = _runs(tmp_path, [0, 3, 1, 2], [0, 3, 1, 2])
    with pytest.raises(
        UnreachableError, match=r"2 rare and 2 frequent validation images; the best precision is 0\.667"
    ):
        achieved_targets(group, ARMS, Target("precision", 0.9), folder)


def test_costs_have_no_bound_to_meet(tmp_path: Path) -> None:
    folder, group = _runs(tmp_path, [0, 1, 2, 3], [0, 2, 1, 4])
    target = Target("cost", miss=10, alarm=1)
    achieved = achieved_targets(group, ARMS, target, folder)
    table = operating_table(group, achieved, target)
    assert [column.header for column in table.columns][-1] == "cost an image"
    assert list(table.columns[-1].cells) == ["2.750 ± 0.000"] * 3  # (10 x 0.5 + 0.5) / 2
