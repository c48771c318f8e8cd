"""The decision threshold that validation chooses."""

import numpy as np
import pytest
from sklearn.metrics import f1_score

from trainables.evaluation import thresholds


@pytest.mark.parametrize("seed", range(5))
def test_the_chosen_threshold_is_the_best_by_balanced_f1(seed: int) -> None:
    rng = np.random.default_rng(seed)
    is_minority = rng.random(60) < 0.2
    p = np.clip(rng.normal(0.2 + 0.3 * is_minority, 0.15), 0, 1)
    weights = (1 / np.bincount(is_minority.astype(int)))[is_minority.astype(int)]

    def score(threshold: float) -> float:
        return float(f1_score(is_minority, p >= threshold, sample_weight=weights, zero_division=0))

    assert score(thresholds.choose_threshold(p, is_minority)) == pytest.approx(max(map(score, p)))
    assert thresholds.choose_threshold(p, np.zeros(60, bool)) == 0.5


def test_the_threshold_is_chosen_for_the_frequencies_that_it_is_used_at() -> None:
    rng = np.random.default_rng(0)
    statistic = np.concatenate([rng.normal(0, 1, 2000), rng.normal(1.5, 1, 80)])
    rare = np.arange(2080) >= 2000

    def f1(threshold: float) -> float:
        decided = statistic >= threshold
        return float(2 * (decided & rare).sum() / (decided.sum() + rare.sum()))

    natural = thresholds.choose_threshold(statistic, rare, odds=2000 / 80)
    balanced = thresholds.choose_threshold(statistic, rare)
    assert f1(natural) == pytest.approx(max(map(f1, statistic)))
    assert f1(balanced) < f1(natural) - 0.05
    scores = np.stack([np.zeros(2080), statistic], axis=1)
    shifted = scores + thresholds.score_shift(scores, rare.astype(np.int64), 1, odds=2000 / 80)
    np.testing.assert_array_equal(shifted.argmax(axis=1) == 1, statistic > natural)
