"""What a run trains, as a frozen value without seed or path, and the key under which its record lies.

A field that is left at its default does not enter the key, so a new field with the old behaviour as its default
orphans no record. Sources: K21 = arXiv:2109.09016, Y19 = arXiv:1911.10687.
"""

import hashlib
import json
import re
from collections.abc import Mapping
from difflib import get_close_matches
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from trainables.errors import ConfigurationError

SCHEMA_VERSION = 1
WEIGHTS = re.compile(r"none|imagenet|sha256:[0-9a-f]{16}")
SMALL_NETWORKS = ("dense", "cnn")  # the ones without a backbone
SOURCES = re.compile(r"digits|mnist|plantvillage(:[A-Za-z]+)?|folder:[0-9a-f]{16}")
FOLDER = "folder:"  # before the fingerprint of somebody's own images
OTHERS = "others"  # a class name: every class of the data set that no other role names, taken as one

NormKind = Literal["none", "batch", "standard", "weighted"]  # the last two: Y19, trainables/weighted_batchnorm.py
Share = Annotated[float, Field(gt=0, lt=1)]
Count = Annotated[int, Field(ge=0)] | Share | Literal["all"]  # images, a share of the class, or all that are left


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class Data(_Section):
    """Which images, which of their classes in which role, how many of each (K21 sec. 3.2: the 1000/10 protocol)."""

    source: str = Field("digits", description="digits | mnist | plantvillage:PLANT | plantvillage | folder:FINGERPRINT")
    image_size: int | None = Field(None, ge=8, description="pixels per side; None leaves images as they are")
    split: Literal["random", "blocked", "grouped"] = Field(
        "random",
        description="blocked: neighbours in a series stay together; grouped: whole groups, 3/5, 1/5, 1/5",
    )
    minority: tuple[str, ...] = Field(("8",), description="rare classes, may be none; 'a+b' merges two into one")
    majority: tuple[str, ...] = Field((OTHERS,), min_length=1, description="frequent classes; 'others' = all the rest")
    train_majority: Count = Field(1000, description="training images of each majority class; 'all' that are left")
    train_minority: Count = Field(10, description="training images of each minority class; 'all' that are left")
    validation_majority: Count = Field(150, description="validation images of each majority class")
    validation_minority: Count = Field(7, description="validation images of each minority class")
    test_majority: Count = Field(150, description="test images of each majority class; 'all' of the official ones")
    test_minority: Count = Field(150, description="test images of each minority class; 'all' of the official ones")

    @property
    def classes(self) -> tuple[str, ...]:
        """The classes in the order of the network's outputs: majority first, as in K21 (0 healthy, 1 unhealthy)."""
        return self.majority + self.minority

    @property
    def roles(self) -> tuple[str, ...]:
        """The role of each class, in the order of `classes`."""
        return ("majority",) * len(self.majority) + ("minority",) * len(self.minority)

    @property
    def ratio(self) -> float:
        """Minority to majority training images per class; NaN where they are not given as numbers."""
        rare, frequent = self.train_minority, self.train_majority
        return rare / frequent if isinstance(rare, int) and isinstance(frequent, int) else float("nan")

    @field_validator("train_majority", "train_minority")
    @classmethod
    def _trains_on_something(cls, value: Count) -> Count:
        if value == 0:
            raise ValueError("got 0; a class needs at least one training image")
        return value

    @field_validator("source")
    @classmethod
    def _known_source(cls, value: str) -> str:
        if not SOURCES.fullmatch(value):
            raise ValueError(f"got {value!r}; allowed: digits, mnist, plantvillage:PLANT, plantvillage, folder:PATH")
        return value

    @model_validator(mode="after")
    def _names_differ(self) -> Self:
        names = [part for name in self.classes for part in merged(name)]
        if len(set(names)) < len(names):
            raise ValueError(f"got {', '.join(names)}; a class can be named once, in one role")
        return self


def merged(name: str) -> list[str]:
    """Returns the classes that a name merges, "a+b" -> a, b; a name that only ends in a plus is its own."""
    parts = name.split("+")
    return parts if all(parts) else [name]


class Augmentation(_Section):
    """What is done to a training batch before the network sees it (two factors of K21 Table 2)."""

    transform: Literal["none", "digits", "leaves"] = Field("none", description="see trainables/augmentation.py")
    mixup_alpha: float = Field(0.0, ge=0, description="Beta(alpha, alpha) of arXiv:1710.09412; 0 = no mixup")


class Network(_Section):
    """The network, its norms and its output."""

    name: str = Field("dense", description="dense | cnn | a torchvision classifier")
    hidden: int = Field(128, ge=1, description="units of the hidden layer of 'dense'")
    first_norm: NormKind = Field("none", description="norm after the hidden layer of 'dense', before its ReLU")
    final_norm: NormKind = Field("none", description="norm over the class scores, before softmax (K21)")
    output: Literal["softmax", "sigmoid"] = Field("softmax", description="turns scores into probabilities")
    norm_momentum: float = Field(0.1, gt=0, le=1, description="of running statistics; backbone norms keep their own")
    dropout: float | None = Field(None, ge=0, lt=1, description="before the class scores; None: 0, in a K21 head 0.5")
    initialisation: Literal["torch", "xavier"] = Field("torch", description="of dense layers; xavier as in Y19 sec. 4")
    weights: str = Field("none", description="backbone: none | imagenet | sha256:DIGITS")
    cut: str = Field("", description="the backbone's last layer, such as layer3; empty: all before its pooling")
    trainable: Literal["head", "batchnorm", "all"] = Field("all", description="head: frozen; batchnorm: its norms too")

    @field_validator("weights")
    @classmethod
    def _known_weights(cls, value: str) -> str:
        if not WEIGHTS.fullmatch(value):
            raise ValueError(f"got {value!r}; allowed: none, imagenet, or sha256:... (--weights PATH makes that)")
        return value


class Loss(_Section):
    """The training loss."""

    name: Literal["cce", "bce"] = Field("cce", description="categorical or binary (one-hot target) cross-entropy")
    class_weights: Literal["none", "inverse", "effective"] = Field(
        "none", description="inverse = N / N_k (Y19 eq. 3); effective = (1 - beta) / (1 - beta^N_k) (eq. 13)"
    )
    beta: float = Field(0.0, ge=0, lt=1, description="of class_weights=effective")
    label_smoothing: float = Field(0.0, ge=0, lt=1, description="share of the target spread over all classes")
    focal_gamma: float = Field(0.0, ge=0, description="focal loss (arXiv:1708.02002 eq. 4); 0 = none")
    logit_adjustment: float = Field(0.0, ge=0, description="tau of arXiv:2007.07314 eq. 10; 0 = none")


class Optimiser(_Section):
    """The optimiser."""

    name: Literal["adamw", "adam"] = "adamw"
    learning_rate: float = Field(1e-3, gt=0)
    weight_decay: float = Field(0.0, ge=0, description="decoupled; never on norms and biases")


class Schedule(_Section):
    """How long and in what steps."""

    epochs: int = Field(30, ge=1)
    batch_size: int = Field(64, ge=2, description="images; the last incomplete batch is dropped")
    learning_rate_shape: Literal["constant", "one-cycle"] = Field("constant", description="one-cycle: up and down once")
    sampling: Literal["natural", "balanced"] = Field("natural", description="balanced: every class as often, redrawn")
    steps_per_epoch: int | None = Field(None, ge=1, description="optimiser steps; None: one pass over the images")


class Configuration(_Section):
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
        if net.name in SMALL_NETWORKS and (net.weights, net.cut, net.trainable) != ("none", "", "all"):
            raise ValueError(f"network.weights, cut and trainable belong to image backbones; got {net.name}")
        if net.trainable == "head" and net.weights == "none":
            raise ValueError("network.trainable=head needs network.weights: an untrained backbone has nothing to keep")
        if (self.loss.beta != 0) != (self.loss.class_weights == "effective"):
            raise ValueError(f"loss.beta belongs to loss.class_weights=effective; got {self.loss.class_weights}")
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
            section, field = resolve_field(name).split(".")
            split = isinstance(value, str) and (section, field) in (("data", "minority"), ("data", "majority"))
            sections.setdefault(section, {})[field] = tuple(value.split(",")) if split else value
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


def trains_on_features(configuration: Configuration) -> bool:
    """Whether training on features is training on images: a frozen backbone that sees every image unchanged."""
    network, augmentation = configuration.network, configuration.augmentation
    return (
        network.name not in SMALL_NETWORKS
        and network.trainable == "head"
        and augmentation.transform == "none"
        and augmentation.mixup_alpha == 0
    )


def is_light(configuration: Configuration) -> bool:
    """Whether a step is a few milliseconds on a CPU core: a small network, or a head on features."""
    return configuration.network.name in SMALL_NETWORKS or trains_on_features(configuration)


def resolve_field(name: str) -> str:
    """Returns the full name of a field: "learning_rate" -> "optimiser.learning_rate".

    Raises:
        ConfigurationError: no such field, or a short name that several sections have.
    """
    fields = list(Configuration().flat())
    if name in fields:
        return name
    matches = [field for field in fields if field.split(".")[1] == name]
    if len(matches) == 1:
        return matches[0]
    if matches:
        raise ConfigurationError(f"field {name!r} is ambiguous: {', '.join(matches)}")
    near = get_close_matches(name, fields + [field.split(".")[1] for field in fields], n=1)
    hint = f" (did you mean {near[0]}?)" if near else ""
    raise ConfigurationError(f"unknown field {name!r}{hint}; allowed: {', '.join(fields)}")


def explain(error: ValidationError) -> str:
    """Returns one line for pydantic's report: field, what was got, what is allowed."""
    lines = []
    for item in error.errors():
        message = item["msg"].removeprefix("Value error, ")
        got = "" if item["type"] == "value_error" else f": got {item['input']!r}"
        lines.append(f"{'.'.join(map(str, item['loc']))}{got}: {message}".removeprefix(": "))
    return "; ".join(lines)
