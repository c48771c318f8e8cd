"""How good are scores, and at which threshold?"""

from trainables.evaluation.metrics import measure
from trainables.evaluation.names import (
    MAJORITY_F1,
    MINORITY_F1,
    REMOVED_MAJORITY_F1,
    REMOVED_MINORITY_F1,
    VALIDATION_F1,
    metric_key,
)
from trainables.evaluation.thresholds import choose_threshold, f1_at_thresholds, odds_of, score_shift

__all__ = [
    "MAJORITY_F1",
    "MINORITY_F1",
    "REMOVED_MAJORITY_F1",
    "REMOVED_MINORITY_F1",
    "VALIDATION_F1",
    "choose_threshold",
    "f1_at_thresholds",
    "measure",
    "metric_key",
    "odds_of",
    "score_shift",
]
