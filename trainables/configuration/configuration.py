"""What a run trains, as a frozen value without seed or path, and the key under which its record lies.

A field that is left at its default does not enter the key, so a new field with the old behaviour as its default
orphans no record.
"""

import hashlib
import json
from collections.abc import Mapping
from typing import Any, Self

from pydantic import ValidationError, model_validator

from trainables import own_code
from trainables.common import ConfigurationError
from trainables.configuration.fields import explain, resolve_field
from trainables.configuration.sections import (
    SMALL_NETWORKS,
    Augmentation,
    Data,
    Loss,
    Network,
    Optimiser,
    Schedule,
    Section,
    has_backbone,
)

SCHEMA_VERSION = 1
CLASS_LISTS = ("data.minority", "data.majority")  # "3,5" is the list of 3 and 5


class Configuration(Section):
    """One cell of a study's table: everything that decides a run's outcome but its seed."""

    data: Data = Data()
    augmentation: Augmentation = Augmentation()
    network: Network = Network()
    loss: Loss = Loss()
    optimiser: Optimiser = Optimiser()
    schedule: Schedule = Schedule()

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        if self.network.output == "sigmoid" and self.loss.name == "cce":
            raise ValueError("network.output=sigmoid goes with loss.name=bce; got cce")
        if self.loss.focal_gamma and self.loss.name != "cce":
            raise ValueError(f"loss.focal_gamma goes with loss.name=cce; got {self.loss.name}")
        net = self.network
        if net.name != "dense" and (net.first_norm != "none" or net.hidden != 128):
            raise ValueError(f"network.first_norm and network.hidden belong to network.name=dense; got {net.name}")
        if not has_backbone(net.name) and (net.weights, net.cut, net.trainable) != ("none", "", "all"):
            raise ValueError(f"network.weights, cut and trainable belong to image backbones; got {net.name}")
        if net.trainable == "head" and net.weights == "none":
            raise ValueError("network.trainable=head needs network.weights: an untrained backbone has nothing to keep")
        if (self.loss.beta != 0) != (self.loss.class_weights == "effective"):
            raise ValueError(f"loss.beta belongs to loss.class_weights=effective; got {self.loss.class_weights}")
        if self.loss.function and net.output == "sigmoid":
            raise ValueError("loss.function goes with network.output=softmax")
        return self

    def flat(self) -> dict[str, Any]:
        """Returns {"section.field": value}; class names are lists."""
        return {
            f"{section}.{name}": list(value) if isinstance(value, tuple) else value
            for section in type(self).model_fields
            for name, value in getattr(self, section)
        }

    @classmethod
    def from_flat(cls, flat: Mapping[str, Any]) -> Self:
        """Returns the configuration of a flat dict; absent fields take their defaults, "3,5" is the list of 3 and 5.

        Raises:
            ConfigurationError: an unknown field, a value that is not allowed.
        """
        sections: dict[str, dict[str, Any]] = {}
        for name, value in flat.items():
            full_name = resolve_field(name)
            section, field = full_name.split(".")
            is_written_list = full_name in CLASS_LISTS and isinstance(value, str)
            sections.setdefault(section, {})[field] = tuple(value.split(",")) if is_written_list else value
        try:
            return cls.model_validate(sections)
        except ValidationError as error:
            raise ConfigurationError(explain(error)) from None

    def replace(self, changes: Mapping[str, Any]) -> Self:
        """Returns a copy with some fields changed; raises ConfigurationError as `from_flat` does."""
        return self.from_flat({**self.flat(), **{resolve_field(name): value for name, value in changes.items()}})

    @property
    def key(self) -> str:
        """12 hexadecimal digits: SHA-256 of the schema version and the fields that differ from their defaults."""
        defaults = type(self)().flat()
        changed = {name: value for name, value in self.flat().items() if value != defaults[name]}
        text = json.dumps([SCHEMA_VERSION, changed], sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()[:12]


def own_functions(configuration: Configuration) -> tuple[str, ...]:
    """Returns the functions of somebody's own that training a configuration calls, as it names them."""
    names = (configuration.network.name, configuration.network.head, configuration.loss.function)
    return tuple(filter(own_code.is_own, names))


def trains_on_features(configuration: Configuration) -> bool:
    """Whether training on features is training on images: a frozen backbone that sees every image unchanged."""
    network, augmentation = configuration.network, configuration.augmentation
    return (
        has_backbone(network.name)
        and network.trainable == "head"
        and augmentation.transform == "none"
        and augmentation.mixup_alpha == 0
    )


def is_light(configuration: Configuration) -> bool:
    """Whether a step is a few milliseconds on a CPU core: a small network, or a head on features."""
    return configuration.network.name in SMALL_NETWORKS or trains_on_features(configuration)
