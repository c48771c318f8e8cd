"""What is left to do is cut into trials that fill the machine, the same ones whenever the same command runs."""

from pathlib import Path

import pytest

from study.execution.plan import PACKS_PER_SLOT, make_plan, spread
from study.studies import find
from trainables.storage.run_folder import RunFolder


@pytest.mark.parametrize("slots", [1, 2, 8, 1000])
def test_every_seed_is_in_one_pack_and_every_slot_has_some(slots: int, tmp_path: Path) -> None:
    study = find(["table7"])[0].where("loss.name", "cce").where("output", "softmax").where("first_norm", "none")
    plan = make_plan([study], None, RunFolder(str(tmp_path)))
    cut = spread(plan, slots)
    runs = [(trial.configuration.key, seed) for trial in cut.trials for seed in trial.seeds]
    assert sorted(runs) == sorted((arm.configuration.key, seed) for arm in study.arms for seed in range(10))
    assert len(cut.trials) >= min(20, PACKS_PER_SLOT * slots)
    assert spread(cut, slots).trials == cut.trials


def test_a_study_with_many_arms_keeps_its_packs(tmp_path: Path) -> None:
    plan = make_plan(find(["digits"]), None, RunFolder(str(tmp_path)))
    assert spread(plan, 2).trials == plan.trials
