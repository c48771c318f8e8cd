import math

import numpy as np
import pytest
from sklearn import metrics as reference

from trainables.evaluation.metrics import calibration, measure

NAMES, ROLES = ("a", "b"), ("majority", "minority")


def _measure(minority_score: list[float], labels: list[int]) -> dict[str, float]:
    p = np.array(minority_score)
    return measure(np.stack([1 - p, p], axis=1), np.array(labels), NAMES, ROLES)


def test_a_case_worked_out_by_hand() -> None:
    # decided b: images 1, 2, 3; truly b: 2, 3, 4 -> 2 hits, precision 2/3, recall 2/3
    measured = _measure([0.1, 0.8, 0.9, 0.6, 0.2], [0, 0, 1, 1, 1])
    assert measured["precision/b"] == pytest.approx(2 / 3)
    assert measured["recall/b"] == pytest.approx(2 / 3)
    assert measured["f1/b"] == measured["f1/minority"] == pytest.approx(2 / 3)
    assert measured["accuracy/all"] == pytest.approx(3 / 5)
    # by falling score b: 0.9 hit, 0.8 miss, 0.6 hit, 0.2 hit, 0.1 miss -> (1/1 + 2/3 + 3/4) / 3
    assert measured["average_precision/b"] == pytest.approx((1 + 2 / 3 + 3 / 4) / 3)
    assert measured["auroc/b"] == pytest.approx(4 / 6)  # of 6 pairs (b, a), 0.6 and 0.2 lose against 0.8
    assert measured["brier/all"] == pytest.approx(2 * (0.01 + 0.64 + 0.01 + 0.16 + 0.64) / 5)


@pytest.mark.parametrize("ties", [False, True])
@pytest.mark.parametrize("seed", range(5))
def test_against_scikit_learn(seed: int, ties: bool) -> None:
    rng = np.random.default_rng(seed)
    logits = rng.normal(size=(200, 3)).round(1 if ties else 9)
    p = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    labels = rng.choice(3, size=200, p=[0.8, 0.15, 0.05])
    measured = measure(p, labels, ("x", "y", "z"), ("majority", "minority", "minority"))
    precision, recall, f1, _ = reference.precision_recall_fscore_support(labels, p.argmax(1), zero_division=0)
    for k, name in enumerate("xyz"):
        expected = {
            "precision": precision[k],
            "recall": recall[k],
            "f1": f1[k],
            "average_precision": reference.average_precision_score(labels == k, p[:, k]),
            "auroc": reference.roc_auc_score(labels == k, p[:, k]),
        }
        for metric, value in expected.items():
            assert measured[f"{metric}/{name}"] == pytest.approx(value, abs=1e-12)
    assert measured["f1/minority"] == pytest.approx((f1[1] + f1[2]) / 2)


def test_nothing_predicted_is_precision_0_and_f1_0() -> None:
    measured = _measure([0.1, 0.2], [0, 1])
    assert (measured["precision/b"], measured["recall/b"], measured["f1/b"]) == (0, 0, 0)


def test_a_class_without_images_is_undefined() -> None:
    measured = _measure([0.1, 0.8], [0, 0])
    assert measured["precision/b"] == 0
    assert all(math.isnan(measured[f"{metric}/b"]) for metric in ("recall", "f1", "average_precision", "auroc"))
    assert math.isnan(measured["auroc/a"])


def test_calibration_at_another_prior_is_that_of_images_repeated_to_it() -> None:
    rng = np.random.default_rng(1)
    labels = np.repeat([0, 1], [4, 6])
    right = rng.uniform(0.3, 0.9, len(labels))
    probabilities = np.where(np.eye(2, dtype=bool)[labels], right[:, None], 1 - right[:, None])
    repeated = np.concatenate([np.repeat(np.flatnonzero(labels == 0), 15), np.flatnonzero(labels == 1)])  # 60 to 6
    expected = measure(probabilities[repeated], labels[repeated], ("a", "b"), ("majority", "minority"))
    at_ten_to_one = calibration(probabilities, labels, (10, 1))
    assert at_ten_to_one == pytest.approx({name: expected[name] for name in ("brier/all", "ece/all")})
    assert calibration(probabilities, labels, (4, 6))["brier/all"] != pytest.approx(at_ten_to_one["brier/all"])


def test_calibration_error_of_a_known_gap() -> None:
    # ten times 0.9 sure, right six times: one bin, |0.6 - 0.9|
    measured = _measure([0.9] * 10, [1] * 6 + [0] * 4)
    assert measured["ece/all"] == pytest.approx(0.3)


def test_shapes_that_do_not_fit_are_refused() -> None:
    with pytest.raises(ValueError, match=r"got probabilities \(2, 2\) for 3 labels"):
        measure(np.ones((2, 2)), np.zeros(3, dtype=np.int64), NAMES, ROLES)


def test_balanced_f1_is_the_f1_of_a_test_set_with_equal_classes() -> None:
    rng = np.random.default_rng(0)
    labels = rng.choice(3, size=400, p=[0.8, 0.15, 0.05])
    p = rng.dirichlet(np.ones(3), size=400)
    measured = measure(p, labels, ("x", "y", "z"), ("majority", "minority", "minority"))
    weights = (1 / np.bincount(labels))[labels]
    expected = reference.f1_score(labels, p.argmax(1), average=None, sample_weight=weights)
    assert [measured[f"balanced_f1/{name}"] for name in "xyz"] == pytest.approx(expected)
    assert math.isnan(_measure([0.1, 0.8], [0, 0])["balanced_f1/b"])
