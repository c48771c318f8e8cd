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
