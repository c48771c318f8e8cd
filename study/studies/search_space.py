"""What a search varies: the fields that every arm is tuned over, one line each, and the arms. Pure.

A search trains each arm of SEARCH_ARMS at many settings. A setting is one value for each dimension of the space, such
as learning rate 0.003 and batch size 32.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from study.studies.declaration import Study
from study.studies.own_arms import own_arms
from trainables.common import ConfigurationError
from trainables.configuration import Configuration, has_backbone

Values = dict[str, Any]  # field -> value
Direction = Literal["minimize", "maximize"]
OBJECTIVES: dict[str, Direction] = {"minority_f1": "maximize", "latency": "minimize"}  # fields of a SearchReport


@dataclass(frozen=True)
class Range:
    """A number between two bounds, both included."""

    field: str
    low: float
    high: float
    log: bool = False

    def at(self, share: float) -> float:
        """Returns the value at a share in [0, 1) of the range; on a logarithmic one half way of 1 to 100 is 10."""
        if self.log:
            return math.exp(math.log(self.low) + share * (math.log(self.high) - math.log(self.low)))
        return self.low + share * (self.high - self.low)


@dataclass(frozen=True)
class Choice:
    """One of the values that are listed."""

    field: str
    options: tuple[Any, ...]

    def at(self, share: float) -> Any:
        """Returns the option at a share in [0, 1) of the list; half way of (16, 32, 64, 128) is 64."""
        return self.options[int(share * len(self.options))]


Dimension = Range | Choice

NUISANCES: tuple[Dimension, ...] = (
    # the papers' value, or this project's open choice, stands behind
    Range("optimiser.learning_rate", 1e-4, 3e-2, log=True),  # 1e-3 from scratch, 1e-2 for a head
    Range("optimiser.weight_decay", 1e-5, 1e-1, log=True),  # 0, or 1e-2 where it is a factor
    Choice("schedule.batch_size", (16, 32, 64, 128)),  # 64
    Range("network.dropout", 0.0, 0.6),  # 0; in the head on a backbone 0.5
    Range("network.norm_momentum", 0.01, 0.5, log=True),  # 0.1
    Choice("schedule.learning_rate_shape", ("constant", "one-cycle")),  # constant; one-cycle for a head
)
SIZES: dict[str, tuple[Dimension, ...]] = {  # more to vary where latency is an objective
    "dense": (Choice("network.hidden", (8, 16, 32, 64, 128, 256)),),
    "cnn": (Choice("data.image_size", (14, 20, 28)),),
    "backbone": (Choice("network.cut", ("layer1", "layer2", "layer3")), Choice("data.image_size", (64, 128, 224))),
}
_WEIGHTED, _FINAL = {"loss.class_weights": "inverse"}, {"network.final_norm": "batch"}
SEARCH_ARMS: dict[str, Values] = {
    "none": {},
    "weighted loss": _WEIGHTED,
    "class-balanced weights": {"loss.class_weights": "effective", "loss.beta": 0.999},
    "balanced sampling": {"schedule.sampling": "balanced"},
    "label smoothing": {"loss.label_smoothing": 0.1},
    "focal loss": {"loss.focal_gamma": 2.0},
    "logit adjustment": {"loss.logit_adjustment": 1.0},
    "final BN": _FINAL,
    "final BN + weighted loss": _FINAL | _WEIGHTED,
    "weighted BN + weighted loss": {"network.final_norm": "weighted"} | _WEIGHTED,
}
TELLS_ARMS_APART = {field for changes in SEARCH_ARMS.values() for field in changes}


def search_arms() -> dict[str, Values]:
    """Returns SEARCH_ARMS and somebody's own; raises ConfigurationError for one of those that is wrong."""
    return SEARCH_ARMS | own_arms()


def base_of_search(study: Study) -> Configuration:
    """Returns what the arms of a search change: the control of the study's first pair; raises where it has none."""
    if not study.pairs:
        raise ConfigurationError(f"{study.name} compares nothing, so there is no base to tune arms from")
    return study.arm(study.pairs[0].control).configuration


def space_of(base: Configuration, with_sizes: bool, changed: Sequence[Dimension]) -> tuple[Dimension, ...]:
    """Returns the dimensions of a search.

    A study whose batches are small, because its images are few, is not asked for much larger ones: at batch size 16
    the choice is 16 or 32.

    Args:
        base: the configuration that the arms change; its network says which sizes there are to vary.
        with_sizes: whether the size of the network or its images is varied too, as latency is an objective.
        changed: dimensions that replace the usual one of the same field, or are added.
    """
    kind = "backbone" if has_backbone(base.network.name) else base.network.name
    usual = {dimension.field: dimension for dimension in NUISANCES + (SIZES.get(kind, ()) if with_sizes else ())}
    size, batches = base.schedule.batch_size, usual["schedule.batch_size"]
    assert isinstance(batches, Choice)
    fitting = tuple(option for option in batches.options if option <= 2 * size)
    usual[batches.field] = Choice(batches.field, fitting if len(fitting) > 1 else (max(2, size // 2), size))
    return tuple((usual | {dimension.field: dimension for dimension in changed}).values())
