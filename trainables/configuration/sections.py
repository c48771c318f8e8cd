"""The sections of a configuration, frozen pydantic models: data, augmentation, network, loss, optimiser, schedule.

A new field takes the old behaviour as its default, so that no key changes. Sources: K21 = arXiv:2109.09016,
Y19 = arXiv:1911.10687.
"""

import re
from collections.abc import Mapping
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from trainables import own_code

WEIGHTS = re.compile(r"none|imagenet|sha256:[0-9a-f]{16}")
SMALL_NETWORKS = ("dense", "cnn")  # the ones without a backbone
SOURCES = re.compile(r"digits|mnist|plantvillage(:[A-Za-z]+)?|folder:[0-9a-f]{16}")
FOLDER = "folder:"  # before the fingerprint of somebody's own images
OTHERS = "others"  # a class name: every class of the data set that no other role names, taken as one

NormKind = Literal["none", "batch", "standard", "weighted"]  # the last two: Y19, trainables/final_norm/weighted.py
Share = Annotated[float, Field(gt=0, lt=1)]
Count = Annotated[int, Field(ge=0)] | Share | Literal["all"]  # images, a share of the class, or all that are left


class Section(BaseModel):
    """What all sections have in common: frozen, no unknown field, no infinite number."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class Data(Section):
    """Which images, which of their classes in which role, how many of each (K21 sec. 3.2: the 1000/10 protocol)."""

    source: str = Field(
        "digits", description="digits | mnist | plantvillage:PLANT | plantvillage | folder:FINGERPRINT | of your own"
    )
    image_size: int | None = Field(None, ge=8, description="pixels per side; None leaves images as they are")
    split: Literal["random", "blocked", "grouped", "given", "everything"] = Field(
        "random",
        description="blocked: neighbours in a series stay together; grouped: whole groups, 3/5, 1/5, 1/5; given: as "
        "the folder's own train, val and test say; everything: of --refit alone",
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
        if not SOURCES.fullmatch(value) and not own_code.is_own(value):
            raise ValueError(
                f"got {value!r}; allowed: digits, mnist, plantvillage:PLANT, plantvillage, folder:PATH, {own_code.FORM}"
            )
        return value

    @model_validator(mode="after")
    def _names_differ(self) -> Self:
        names = [part for name in self.classes for part in merged(name)]
        if len(set(names)) < len(names):
            raise ValueError(f"got {', '.join(names)}; a class can be named once, in one role")
        return self


def has_backbone(name: str) -> bool:
    """Whether a network is an image backbone with a head, rather than a small one or one of somebody's own."""
    return name not in SMALL_NETWORKS and not own_code.is_own(name)


def merged(name: str) -> list[str]:
    """Returns the classes that a name merges, "a+b" -> a, b; a name that only ends in a plus is its own."""
    parts = name.split("+")
    return parts if all(parts) else [name]


class Augmentation(Section):
    """What is done to a training batch before the network sees it (two factors of K21 Table 2)."""

    transform: Literal["none", "digits", "leaves", "fastai"] = Field(
        "none", description="see trainables/training/augmentation.py"
    )
    mixup_alpha: float = Field(0.0, ge=0, description="Beta(alpha, alpha) of arXiv:1710.09412; 0 = no mixup")


class Network(Section):
    """The network, its norms and its output."""

    name: str = Field("dense", description="dense | cnn | a torchvision classifier | of your own")
    head: str = Field("", description="of your own, in the place of the dense layer; see study/README.md")
    hidden: int = Field(128, ge=1, description="units of the hidden layer of 'dense'")
    first_norm: NormKind = Field("none", description="norm after the hidden layer of 'dense', before its ReLU")
    final_norm: NormKind = Field("none", description="norm over the class scores, before softmax (K21)")
    output: Literal["softmax", "sigmoid"] = Field("softmax", description="turns scores into probabilities")
    norm_momentum: float = Field(0.1, gt=0, le=1, description="of running statistics; backbone norms keep their own")
    final_norm_momentum: float | None = Field(None, gt=0, le=1, description="of the final norm; None: norm_momentum")
    norm_eps: float = Field(1e-5, gt=0, description="of batch norms outside a backbone; Y19's layers have 1e-8")
    final_scale: Literal["learned", "one"] = Field("learned", description="of the final norm; one: frozen there")
    final_shift: Literal["learned", "zero", "log-prior"] = Field(
        "learned", description="of the final norm; zero, or the log of the training shares: frozen there"
    )
    final_statistics: Literal["running", "recomputed"] = Field(
        "running", description="what the final norm evaluates with; recomputed: those of all training images"
    )
    dropout: float | None = Field(None, ge=0, lt=1, description="before the class scores; None: 0, in a K21 head 0.5")
    initialisation: Literal["torch", "xavier", "glorot", "kaiming"] = Field(
        "torch",
        description="xavier: dense normal (Y19 sec. 4); glorot: uniform, also convolutions (Keras); kaiming: normal "
        "(fastai's head); biases 0",
    )
    pool: Literal["average", "flatten", "concatenated"] = Field(
        "average", description="before the head; flatten: of 'cnn'; concatenated: average and maximum, of backbones"
    )
    weights: str = Field("none", description="backbone: none | imagenet | sha256:DIGITS")
    cut: str = Field("", description="the backbone's last layer, such as layer3; empty: all before its pooling")
    precision: Literal["float32", "tf32", "bfloat16"] = Field(
        "float32", description="of products and convolutions in training; tf32 on GPUs; evaluation is float32"
    )
    trainable: Literal["head", "statistics", "batchnorm", "all"] = Field(
        "all", description="head: frozen; statistics: its norms' statistics move; batchnorm: its norms train too"
    )

    @field_validator("name", "head")
    @classmethod
    def _own_has_fingerprint(cls, value: str) -> str:
        return _with_fingerprint(value)

    @field_validator("weights")
    @classmethod
    def _known_weights(cls, value: str) -> str:
        if not WEIGHTS.fullmatch(value):
            raise ValueError(f"got {value!r}; allowed: none, imagenet, or sha256:... (--weights PATH makes that)")
        return value

    @model_validator(mode="after")
    def _pool_fits(self) -> Self:
        of_backbones = ("average", "concatenated") if has_backbone(self.name) else ("average",)
        allowed = {"cnn": ("average", "flatten")}.get(self.name, of_backbones)
        if self.pool not in allowed:
            raise ValueError(f"got network.pool={self.pool} with {self.name}; allowed: {', '.join(allowed)}")
        return self

    @model_validator(mode="after")
    def _freezes_a_final_norm(self) -> Self:
        frozen = (self.final_scale, self.final_shift, self.final_statistics) != ("learned", "learned", "running")
        if frozen and self.final_norm != "batch":
            raise ValueError(
                f"got final_norm={self.final_norm}; final_scale, _shift, _statistics are of final_norm=batch"
            )
        return self


class Loss(Section):
    """The training loss."""

    function: str = Field("", description="of your own, in the place of `name`; see study/README.md")
    name: Literal["cce", "bce"] = Field("cce", description="categorical or binary (one-hot target) cross-entropy")
    class_weights: Literal["none", "inverse", "effective"] = Field(
        "none", description="inverse = N / N_k (Y19 eq. 3); effective = (1 - beta) / (1 - beta^N_k) (eq. 13)"
    )
    beta: float = Field(0.0, ge=0, lt=1, description="of class_weights=effective")
    label_smoothing: float = Field(0.0, ge=0, lt=1, description="share of the target spread over all classes")
    focal_gamma: float = Field(0.0, ge=0, description="focal loss (arXiv:1708.02002 eq. 4); 0 = none")
    logit_adjustment: float = Field(0.0, ge=0, description="tau of arXiv:2007.07314 eq. 10; 0 = none")

    @field_validator("function")
    @classmethod
    def _own_has_fingerprint(cls, value: str) -> str:
        return _with_fingerprint(value)

    @model_validator(mode="after")
    def _function_stands_alone(self) -> Self:
        fields = type(self).model_fields.items()
        others = [name for name, info in fields if name != "function" and getattr(self, name) != info.default]
        if self.function and others:
            raise ValueError(
                f"loss.function takes the place of every other field of the loss; got {', '.join(others)} too"
            )
        return self


def _with_fingerprint(name: str) -> str:
    """Returns a name; raises ValueError for a function of somebody's own that does not say its fingerprint."""
    if ":" in name and not own_code.is_own(name):
        raise ValueError(f"got {name!r}; a function of your own is named {own_code.FORM}@FINGERPRINT")
    return name


class Optimiser(Section):
    """The optimiser."""

    name: Literal["adamw", "adam"] = "adamw"
    learning_rate: float = Field(1e-3, gt=0)
    weight_decay: float = Field(0.0, ge=0, description="decoupled")
    decays: Literal["weights", "all"] = Field("weights", description="all: norms and biases too")
    beta2: float = Field(0.999, gt=0, lt=1, description="of the second moment")
    eps: float = Field(1e-8, gt=0, description="below the root of the second moment")
    backbone_rate: float = Field(1.0, gt=0, description="learning rate of a backbone, times that of the head")


class Schedule(Section):
    """How long and in what steps."""

    epochs: int = Field(30, ge=1)
    batch_size: int = Field(64, ge=2, description="images")
    last_batch: Literal["dropped", "kept"] = Field(
        "dropped", description="of a pass, where incomplete; kept: one image alone joins the batch before"
    )
    learning_rate_shape: Literal["constant", "one-cycle"] = Field("constant", description="one-cycle: up and down once")
    sampling: Literal["natural", "balanced"] = Field("natural", description="balanced: every class as often, redrawn")
    steps_per_epoch: int | None = Field(None, ge=1, description="optimiser steps; None: one pass over the images")


SECTIONS: Mapping[str, type[Section]] = {
    "data": Data,
    "augmentation": Augmentation,
    "network": Network,
    "loss": Loss,
    "optimiser": Optimiser,
    "schedule": Schedule,
}
