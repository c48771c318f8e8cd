"""How good are scores, and at which threshold?"""

from trainables.evaluation.metrics import VALIDATION_F1, measure, metric_key
from trainables.evaluation.thresholds import choose_threshold, f1_at_thresholds, odds_of, score_shift

__all__ = [
    "VALIDATION_F1",
    "choose_threshold",
    "f1_at_thresholds",
    "measure",
    "metric_key",
    "odds_of",
    "score_shift",
]
