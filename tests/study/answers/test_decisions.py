"""Counts of test images from stored scores, and what validation says of a threshold that was chosen on it."""

import math
from pathlib import Path

import numpy as np

from study.answers import AS_TRAINED, RECALIBRATED, decisions_of, read_decisions
from study.evidence import group_records
from study.studies import find
from tests.support.records import Arrays, make_records, write_runs
from trainables.evaluation import Confusion
from trainables.storage import Record, RunFolder


def _predictions(validation: dict[str, list[float]], test: dict[str, list[float]]) -> Arrays:
    """Of {"frequent" | "rare": the rare score of each image less the frequent one}."""
    predictions: Arrays = {}
    for split, margins in (("validation", validation), ("test", test)):
        rare = np.array([*margins["frequent"], *margins["rare"]], dtype=np.float32)
        predictions[f"{split}/scores"] = np.stack([np.zeros_like(rare), rare], axis=1)
        predictions[f"{split}/labels"] = np.repeat([0, 1], [len(margins["frequent"]), len(margins["rare"])])
        predictions[f"{split}/positions"] = np.arange(len(rare)) + 100
    return predictions


def _one_run(tmp_path: Path, predictions: Arrays) -> tuple[Record, RunFolder]:
    (study,) = find(["images"])
    record = next(record for record in make_records(study, seeds=[0]) if record.arm == "none, rate 0.001")
    folder = write_runs(tmp_path, [record], predictions)
    (stored,) = folder.records("images")
    return stored, folder


def test_counts_and_positions_as_trained_and_recalibrated(tmp_path: Path) -> None:
    validation = {"frequent": [-9.0] * 8, "rare": [-1.0] * 4}  # the rare ones rank first, and none is found
    record, folder = _one_run(tmp_path, _predictions(validation, {"frequent": [-9, -9, 3], "rare": [-2, 4]}))
    ways = decisions_of(record, folder)
    assert ways[AS_TRAINED].test == Confusion(found=1, rare=2, alarms=1, frequent=3)
    assert ways[AS_TRAINED].validation_f1 == 0
    assert (set(ways[AS_TRAINED].rare), set(ways[AS_TRAINED].taken)) == ({103, 104}, {102, 104})
    assert ways[RECALIBRATED].test == Confusion(found=2, rare=2, alarms=1, frequent=3)
    assert ways[RECALIBRATED].validation_f1 == 1


def test_a_threshold_does_not_see_the_image_that_it_decides(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)  # scores that say nothing: on the images that choose it, a threshold looks better
    noise = {"frequent": list(rng.normal(size=20)), "rare": list(rng.normal(size=5))}
    record, folder = _one_run(tmp_path, _predictions(noise, noise))
    recalibrated = decisions_of(record, folder)[RECALIBRATED]
    assert recalibrated.validation_f1 < recalibrated.test.f1  # test is here the very images that chose


def test_without_rare_validation_images_nothing_is_recalibrated(tmp_path: Path) -> None:
    record, folder = _one_run(tmp_path, _predictions({"frequent": [1.0], "rare": []}, {"frequent": [1], "rare": [1]}))
    ways = decisions_of(record, folder)
    assert list(ways) == [AS_TRAINED]
    assert math.isnan(ways[AS_TRAINED].validation_f1)


def test_a_damaged_run_is_left_out(tmp_path: Path) -> None:
    (study,) = find(["images"])
    folder = write_runs(tmp_path, make_records(study, seeds=[0, 1])[:2])
    (group,) = group_records(study, folder.records("images"))
    (arm,) = group.records
    next(tmp_path.glob("images/*/seed-1/predictions.safetensors")).write_bytes(b"")
    assert list(read_decisions(group, folder)[arm][AS_TRAINED]) == [0]
