"""How do trials run in the actors of Ray Tune? The only room of this package that knows Ray."""

from trainables.tune.adapter import (
    INDEX,
    DataKey,
    Search,
    SearchTrainable,
    Store,
    StudyTrainable,
    WeightsKey,
    Work,
    data_key,
    weights_key,
)

__all__ = [
    "INDEX",
    "DataKey",
    "Search",
    "SearchTrainable",
    "Store",
    "StudyTrainable",
    "WeightsKey",
    "Work",
    "data_key",
    "weights_key",
]
