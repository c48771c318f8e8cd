"""What does a run train, and under which key does its record lie?"""

from trainables.configuration.configuration import Configuration, is_light, own_functions, trains_on_features
from trainables.configuration.fields import near_field, resolve_field
from trainables.configuration.sections import (
    FOLDER,
    OTHERS,
    SMALL_NETWORKS,
    SOURCES,
    Data,
    Loss,
    Network,
    has_backbone,
    merged,
)
from trainables.configuration.trial import Trial

__all__ = [
    "FOLDER",
    "OTHERS",
    "SMALL_NETWORKS",
    "SOURCES",
    "Configuration",
    "Data",
    "Loss",
    "Network",
    "Trial",
    "has_backbone",
    "is_light",
    "merged",
    "near_field",
    "own_functions",
    "resolve_field",
    "trains_on_features",
]
