"""The data that trials share: each loaded once, put into Ray's object store, and found there by what decides it."""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import ray

from trainables.configuration import Configuration, trains_on_features

if TYPE_CHECKING:
    from trainables.training import Inputs

DataKey = tuple[str, int | None]  # source, image size
WeightsKey = tuple[str, str]  # network, identity of its backbone's weights
FeaturesKey = tuple[str, int | None, str, str, str, str]  # a DataKey, a WeightsKey, the cut, the pool


@dataclass
class Store:
    """References to what trials share in the object store: Images, state dicts, feature arrays."""

    images: dict[DataKey, ray.ObjectRef] = field(default_factory=dict)
    backbones: dict[WeightsKey, ray.ObjectRef] = field(default_factory=dict)
    features: dict[FeaturesKey, ray.ObjectRef] = field(default_factory=dict)

    def inputs(self, configuration: Configuration) -> "Inputs":
        """Returns what a configuration trains on, without copies on this node."""
        from trainables.training import Inputs  # the driver does not wait for torch

        data, weights = data_key(configuration), weights_key(configuration)
        images = ray.get(self.images[data])
        if weights is None:
            return Inputs(images)
        features = features_key(configuration)
        if features is not None:
            return Inputs(images, features=ray.get(self.features[features]))
        return Inputs(images, backbone=ray.get(self.backbones[weights]))


def data_key(configuration: Configuration) -> DataKey:
    """Returns what decides the images in memory."""
    return configuration.data.source, configuration.data.image_size


def weights_key(configuration: Configuration) -> WeightsKey | None:
    """Returns what decides the backbone's weights; None where none are given."""
    network = configuration.network
    return None if network.weights == "none" else (network.name, network.weights)


def features_key(configuration: Configuration) -> FeaturesKey | None:
    """Returns what decides the features; None where a configuration trains on images, or no weights are given."""
    weights = weights_key(configuration)
    if weights is None or not trains_on_features(configuration):
        return None
    return (*data_key(configuration), *weights, configuration.network.cut, configuration.network.pool)
