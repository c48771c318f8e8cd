"""How are the arms of a study tuned alike? All that this project knows of Optuna."""

from study.tuning.trial_storage import check_trial_storage, open_storage, reached
from study.tuning.tune import Asked, tune

__all__ = [
    "Asked",
    "check_trial_storage",
    "open_storage",
    "reached",
    "tune",
]
