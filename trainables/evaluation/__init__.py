"""How good are scores, and at which threshold? Lazy: who needs the names of metrics alone does not wait for NumPy."""

from typing import TYPE_CHECKING

from trainables.evaluation.names import (
    ADJUSTED,
    ADJUSTED_MAJORITY_F1,
    ADJUSTED_MINORITY_F1,
    BOTH_F1,
    F1_AT_TRAINING_PREVALENCE,
    MAJORITY_F1,
    MINORITY_F1,
    NATURAL,
    PER_CLASS,
    REMOVED_BOTH_F1,
    REMOVED_MAJORITY_F1,
    REMOVED_MINORITY_F1,
    VALIDATION_F1,
    metric_key,
)

if TYPE_CHECKING:
    from trainables.evaluation.confusion import Confusion
    from trainables.evaluation.metrics import calibration, measure, measure_members
    from trainables.evaluation.operating_point import (
        Estimate,
        OperatingPoint,
        UnreachableError,
        choose_operating_point,
        judge_decisions,
        lead_of,
        odds_for,
        point_of_counts,
        points_of_run,
        shift_to,
    )
    from trainables.evaluation.prior_shift import adjusted_scores, is_plain, training_counts
    from trainables.evaluation.probabilities import minority_probability, probabilities_of
    from trainables.evaluation.target import Target
    from trainables.evaluation.thresholds import choose_threshold, f1_at_thresholds, odds_of, score_shift
else:
    from trainables.common import public_names

    _FILES = {
        "confusion": ("Confusion",),
        "metrics": ("calibration", "measure", "measure_members"),
        "prior_shift": ("adjusted_scores", "is_plain", "training_counts"),
        "operating_point": (
            "Estimate",
            "OperatingPoint",
            "UnreachableError",
            "choose_operating_point",
            "judge_decisions",
            "lead_of",
            "odds_for",
            "point_of_counts",
            "points_of_run",
            "shift_to",
        ),
        "probabilities": ("minority_probability", "probabilities_of"),
        "target": ("Target",),
        "thresholds": ("choose_threshold", "f1_at_thresholds", "odds_of", "score_shift"),
    }
    __getattr__ = public_names(__name__, _FILES)

__all__ = [
    "ADJUSTED",
    "ADJUSTED_MAJORITY_F1",
    "ADJUSTED_MINORITY_F1",
    "BOTH_F1",
    "F1_AT_TRAINING_PREVALENCE",
    "MAJORITY_F1",
    "MINORITY_F1",
    "NATURAL",
    "PER_CLASS",
    "REMOVED_BOTH_F1",
    "REMOVED_MAJORITY_F1",
    "REMOVED_MINORITY_F1",
    "VALIDATION_F1",
    "Confusion",
    "Estimate",
    "OperatingPoint",
    "Target",
    "UnreachableError",
    "adjusted_scores",
    "calibration",
    "choose_operating_point",
    "choose_threshold",
    "f1_at_thresholds",
    "is_plain",
    "judge_decisions",
    "lead_of",
    "measure",
    "measure_members",
    "metric_key",
    "minority_probability",
    "odds_for",
    "odds_of",
    "point_of_counts",
    "points_of_run",
    "probabilities_of",
    "score_shift",
    "shift_to",
    "training_counts",
]
