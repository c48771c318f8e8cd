"""What is deployed is the best run of the best arm by validation, not one lucky seed."""

from pathlib import Path

import numpy as np
import onnx
import pytest

from export.conversion.torch_to_onnx import Deployed, to_onnx
from export.runs.champion import best_arm, champion
from export.runs.variants import Exported
from export.surgery.graph import copy_model
from export.verification.verify import HeldOut, Verification, verify
from trainables.configuration import Configuration, Network
from trainables.evaluation.thresholds import choose_threshold, score_shift
from trainables.networks import classifier
from trainables.storage.record import Record


def _record(arm: str, seed: int, value: float) -> Record:
    return Record(study="s", arm=arm, key=arm, seed=seed, status="complete", device="cpu", seconds=1,
                  configuration=Configuration().flat(), data_fingerprint="f", finished_at="2026-01-01T00:00:00+00:00",
                  history={"validation/f1/minority": [value]})  # fmt: skip


def _measured(f1: float) -> Verification:
    return Verification("any", 0.0, 1, (), 2, {"f1/minority": f1}, [], 0.0, 1, 1, 1.0, 1.0)


def test_one_lucky_seed_makes_no_arm() -> None:
    records = [_record("final BN", seed, 0.9) for seed in range(10)]
    records += [_record("none", seed, 1.0 if seed == 4 else 0.5) for seed in range(10)]
    assert best_arm(records) == "final BN"
    lucky = Exported(records[14], {"none": Path("none.onnx")}, {"none": _measured(0.9)})
    both = {"keep": Path("keep.onnx"), "fold": Path("fold.onnx")}
    steady = Exported(records[3], both, dict.fromkeys(both, _measured(0.9)))
    assert champion([lucky, steady], records) == (steady, "fold")
    assert champion([lucky, Exported(records[3], both, dict.fromkeys(both, _measured(0.0)))], records) is None
    undefined = [_record("x", 0, float("nan")), _record("y", 0, 0.1)]
    assert best_arm(undefined) == "y"


def test_the_threshold_is_chosen_for_the_frequencies_that_it_is_used_at() -> None:
    rng = np.random.default_rng(0)
    statistic = np.concatenate([rng.normal(0, 1, 2000), rng.normal(1.5, 1, 80)])
    rare = np.arange(2080) >= 2000

    def f1(threshold: float) -> float:
        decided = statistic >= threshold
        return float(2 * (decided & rare).sum() / (decided.sum() + rare.sum()))

    natural, balanced = choose_threshold(statistic, rare, odds=2000 / 80), choose_threshold(statistic, rare)
    assert f1(natural) == pytest.approx(max(map(f1, statistic)))
    assert f1(balanced) < f1(natural) - 0.05
    scores = np.stack([np.zeros(2080), statistic], axis=1)
    shifted = scores + score_shift(scores, rare.astype(np.int64), 1, odds=2000 / 80)
    np.testing.assert_array_equal(shifted.argmax(axis=1) == 1, statistic > natural)


def test_a_file_that_gives_nan_matches_nothing_and_is_not_for_deployment() -> None:
    network = Deployed(classifier.build_network(Network(final_norm="batch"), (1, 8, 8), 2), "softmax")
    graph = to_onnx(network, (1, 8, 8), {})
    images = np.random.default_rng(0).integers(0, 255, (20, 8, 8, 1), dtype=np.uint8)
    import torch

    with torch.no_grad():
        scores = network.scores(torch.from_numpy(images))
        trained = network.probabilities(scores).numpy()
    test = HeldOut(images, np.arange(20) % 2, list(map(str, range(20))), scores, trained, ("a", "b"),
                   ("majority", "minority"))  # fmt: skip
    assert verify("keep", graph, test, trained).matches
    broken = copy_model(graph)
    for constant in broken.graph.initializer:
        values = onnx.numpy_helper.to_array(constant)
        if values.dtype == np.float32 and values.ndim == 2:
            constant.CopyFrom(onnx.numpy_helper.from_array(np.full_like(values, np.nan), constant.name))
    found = verify("keep", broken, test, trained)
    assert not found.matches
    assert not found.deployable
