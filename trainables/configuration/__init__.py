"""What does a run train, and under which key does its record lie?"""

from trainables.configuration.configuration import (
    FOLDER,
    OTHERS,
    SMALL_NETWORKS,
    Configuration,
    Data,
    Loss,
    Network,
    is_light,
    merged,
    resolve_field,
    trains_on_features,
)

__all__ = [
    "FOLDER",
    "OTHERS",
    "SMALL_NETWORKS",
    "Configuration",
    "Data",
    "Loss",
    "Network",
    "is_light",
    "merged",
    "resolve_field",
    "trains_on_features",
]
