"""The chosen setting on every image: a run and a file of its own, whose card claims nothing for itself."""

import json
from pathlib import Path

import numpy as np
import onnx
import pytest

from export.runs import export_run
from study.answers import Answer
from study.deploying import held_out_thresholds, refit_study, write_deployed
from study.evidence import Group
from trainables.configuration import Trial
from trainables.data.images import Images
from trainables.evaluation import Target, UnreachableError, choose_operating_point, lead_of, odds_for
from trainables.run import run
from trainables.storage import PREDICTIONS
from trainables.storage.run_folder import RunFolder
from trainables.training.inputs import Inputs

Runs = tuple[RunFolder, Group, Answer]


def test_it_is_a_study_of_its_own_under_a_key_of_its_own(runs: Runs) -> None:
    _, group, answer = runs
    study = refit_study(group, answer)
    (arm,) = study.arms
    assert study.name == "digits-smoke-refit"
    assert arm.name == answer.chosen.arm
    assert arm.configuration.key not in group.keys
    assert (study.pairs, study.claims) == ((), ())


def test_thresholds_are_chosen_on_each_images_mean_over_the_seeds_that_held_it_out(runs: Runs) -> None:
    folder, group, _ = runs
    records = list(group.records["final BN"].values())
    data = records[0].typed_configuration().data
    leads: dict[int, list[float]] = {}
    is_rare: dict[int, bool] = {}
    for record in records:
        tensors = folder.tensors(record, PREDICTIONS)
        for position, lead, label in zip(
            tensors["validation/positions"], lead_of(tensors["validation/scores"], 1), tensors["validation/labels"],
            strict=True,
        ):  # fmt: skip
            leads.setdefault(int(position), []).append(float(lead))
            is_rare[int(position)] = bool(label == 1)
    means, rare = np.array([np.mean(each) for each in leads.values()]), np.array(list(is_rare.values()))
    target = Target("recall", 0.9)
    recalibrated, at_target = held_out_thresholds(records, folder, target)
    assert recalibrated.chosen.found + recalibrated.chosen.missed == rare.sum()  # an image counts once
    for threshold, goal in ((recalibrated, Target()), (at_target, target)):
        expected = choose_operating_point(means, rare, goal, odds_for(goal, data, rare))
        assert threshold.chosen.threshold == pytest.approx(expected.threshold)
    with pytest.raises(UnreachableError, match="the best precision is"):
        held_out_thresholds(group.records["plain"].values(), folder, Target("precision", 1.0, prevalence=1e-9))


def test_its_file_and_card_say_that_the_f1_is_of_the_runs(runs: Runs, digits: Images, tmp_path: Path) -> None:
    folder, group, answer = runs
    study = refit_study(group, answer)
    (arm,) = study.arms
    list(run(Trial(study.name, arm.name, arm.configuration, (0,)), Inputs(digits), folder))
    (record,) = folder.records(study.name, arm.configuration.key)
    thresholds = held_out_thresholds(group.records[arm.name].values(), folder, None)
    exported = export_run(record, folder, digits, tmp_path / "onnx", reduced=False, thresholds=thresholds)
    variant = "fold-recalibrated" if "fold-recalibrated" in exported.files else "none-recalibrated"
    assert f"remove-{variant.partition('-')[2]}" not in exported.files  # no such scores were held out
    file, card = write_deployed(tmp_path / "deploy", "eights", group, answer, (exported, variant), digits, None, ())
    said = {entry.key: entry.value for entry in onnx.load(file).metadata_props}
    assert "test_f1" not in said
    assert "test" not in json.loads(said["operating_point"])
    assert said["refit"].startswith("trained on every image")
    assert float(said["threshold"]) == pytest.approx(thresholds[0].chosen.probability, rel=1e-4)
    assert file.stem.endswith(f"_refit_{record.key[:6]}")
    assert card.own is None
    assert card.refit_of == group.first_record(arm.name).key
    assert card.photos["8"] == {"train": 174, "validation": 0, "test": 0}
    assert card.f1 == answer.f1
    text = file.with_suffix(".md").read_text()
    assert "are those of the runs of this setting, not of this file" in text
    assert "not its own" in card.in_short
