"""The decision threshold that validation chooses."""

from pathlib import Path

import numpy as np
import pytest
from sklearn.metrics import f1_score

from tests.support.records import make_record, write_runs
from trainables.configuration import Configuration, Data
from trainables.evaluation import choose_threshold, f1_at_thresholds, odds_of, score_shift


@pytest.mark.parametrize("seed", range(5))
def test_the_chosen_threshold_is_the_best_by_balanced_f1(seed: int) -> None:
    rng = np.random.default_rng(seed)
    is_minority = rng.random(60) < 0.2
    p = np.clip(rng.normal(0.2 + 0.3 * is_minority, 0.15), 0, 1)
    weights = (1 / np.bincount(is_minority.astype(int)))[is_minority.astype(int)]

    def score(threshold: float) -> float:
        return float(f1_score(is_minority, p >= threshold, sample_weight=weights, zero_division=0))

    assert score(choose_threshold(p, is_minority)) == pytest.approx(max(map(score, p)))
    assert choose_threshold(p, np.zeros(60, bool)) == 0.5


def test_the_threshold_is_chosen_for_the_frequencies_that_it_is_used_at() -> None:
    rng = np.random.default_rng(0)
    statistic = np.concatenate([rng.normal(0, 1, 2000), rng.normal(1.5, 1, 80)])
    rare = np.arange(2080) >= 2000

    def f1(threshold: float) -> float:
        decided = statistic >= threshold
        return float(2 * (decided & rare).sum() / (decided.sum() + rare.sum()))

    natural = choose_threshold(statistic, rare, odds=2000 / 80)
    balanced = choose_threshold(statistic, rare)
    assert f1(natural) == pytest.approx(max(map(f1, statistic)))
    assert f1(balanced) < f1(natural) - 0.05
    scores = np.stack([np.zeros(2080), statistic], axis=1)
    shifted = scores + score_shift(scores, rare.astype(np.int64), 1, odds=2000 / 80)
    np.testing.assert_array_equal(shifted.argmax(axis=1) == 1, statistic > natural)


def test_the_threshold_with_the_best_f1_lies_between_two_images() -> None:
    # minority at 0.3 and 0.4, majority at 0.1 and 0.2: everything is right between 0.2 and 0.3
    statistic, is_minority = np.array([0.1, 0.2, 0.3, 0.4]), np.array([False, False, True, True])
    assert choose_threshold(statistic, is_minority) == pytest.approx(0.25)
    assert choose_threshold(statistic, np.zeros(4, dtype=bool), otherwise=0.7) == 0.7


def test_many_majority_images_raise_the_threshold() -> None:
    # above 0.15: recall 1, false rate 1/2; above 0.35: recall 1/2, false rate 0; F1 = 2 r / (1 + r + odds f)
    statistic, is_minority = np.array([0.1, 0.3, 0.2, 0.4]), np.array([False, False, True, True])
    assert choose_threshold(statistic, is_minority, odds=1) == pytest.approx(0.15)  # 2 / 2.5 > 1 / 1.5
    assert choose_threshold(statistic, is_minority, odds=9) == pytest.approx(0.35)  # 2 / 6.5 < 1 / 1.5


def test_a_shift_moves_minority_scores_only() -> None:
    scores = np.array([[2.0, 0.0], [2.0, 1.0], [2.0, 1.8], [2.0, 1.6]])
    shift = score_shift(scores, np.array([0, 0, 1, 1]), num_majority=1, odds=1)
    assert shift == pytest.approx([0, 0.7])  # leads -2, -1, -0.2, -0.4: the threshold is -0.7
    assert (scores + shift).argmax(axis=1).tolist() == [0, 0, 1, 1]


def test_odds_are_those_that_the_data_declare_or_else_of_validation() -> None:
    is_minority = np.array([True, False, False, False])
    assert odds_of(Data(test_majority=30, test_minority=10), is_minority) == 3
    assert odds_of(Data(test_majority="all"), is_minority) == 3
    assert odds_of(Data(test_majority="all"), np.zeros(4, dtype=bool)) == 1


@pytest.mark.parametrize("with_validation", [True, False])
def test_f1_of_sigmoid_outputs_is_that_of_their_shares(with_validation: bool, tmp_path: Path) -> None:
    configuration = Configuration().replace({"network.output": "sigmoid", "loss.name": "bce"})
    outputs = np.array([[0.8, 0.1], [0.9, 0.3], [0.3, 0.2], [0.2, 0.3]])  # shares 0.11, 0.25, 0.4, 0.6
    scores = (np.log(outputs) - np.log1p(-outputs)).astype(np.float32)
    predictions: dict[str, np.ndarray] = {}
    for split in ("test", "validation") if with_validation else ("test",):
        predictions |= {f"{split}/scores": scores, f"{split}/labels": np.array([0, 0, 1, 1])}
        predictions[f"{split}/positions"] = np.arange(4)
    folder = write_runs(tmp_path, [make_record(configuration=configuration)], predictions)
    (record,) = folder.records("s")
    at_half, at_chosen = f1_at_thresholds(record, folder)
    assert at_half == pytest.approx(2 / 3)  # of two rare images one is found
    assert at_chosen == 1 if with_validation else np.isnan(at_chosen)  # validation chooses 0.325
