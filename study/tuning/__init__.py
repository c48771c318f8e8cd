"""How are the arms of a study tuned alike? All that this project knows of Optuna; lazy, as its import takes seconds."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from study.tuning.space import parse_dimension
    from study.tuning.trial_storage import check_trial_storage, database_errors, open_storage
    from study.tuning.tune import SearchPlan, tune_arms
else:
    from trainables.common import public_names

    _FILES = {
        "space": ("parse_dimension",),
        "trial_storage": ("check_trial_storage", "database_errors", "open_storage"),
        "tune": ("SearchPlan", "tune_arms"),
    }
    __getattr__ = public_names(__name__, _FILES)

__all__ = [
    "SearchPlan",
    "check_trial_storage",
    "database_errors",
    "open_storage",
    "parse_dimension",
    "tune_arms",
]
