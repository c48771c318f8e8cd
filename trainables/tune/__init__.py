"""How do trials run in the actors of Ray Tune? The only room of this package that knows Ray."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from trainables.tune.reports import EPOCH, SearchReport, TrialReport
    from trainables.tune.search_trainable import ARM, Search, SearchTrainable
    from trainables.tune.shared_inputs import (
        DataKey,
        FeaturesKey,
        Store,
        WeightsKey,
        data_key,
        features_key,
        weights_key,
    )
    from trainables.tune.study_trainable import INDEX, StudyTrainable, Work
else:
    from trainables.common import public_names

    _FILES = {
        "reports": (
            "EPOCH",
            "SearchReport",
            "TrialReport",
        ),
        "search_trainable": (
            "ARM",
            "Search",
            "SearchTrainable",
        ),
        "shared_inputs": (
            "DataKey",
            "FeaturesKey",
            "Store",
            "WeightsKey",
            "data_key",
            "features_key",
            "weights_key",
        ),
        "study_trainable": (
            "INDEX",
            "StudyTrainable",
            "Work",
        ),
    }
    __getattr__ = public_names(__name__, _FILES)

__all__ = [
    "ARM",
    "EPOCH",
    "INDEX",
    "DataKey",
    "FeaturesKey",
    "Search",
    "SearchReport",
    "SearchTrainable",
    "Store",
    "StudyTrainable",
    "TrialReport",
    "WeightsKey",
    "Work",
    "data_key",
    "features_key",
    "weights_key",
]
