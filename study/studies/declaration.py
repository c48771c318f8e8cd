"""What a study is: frozen values that a file of study/studies/ declares and everything else reads."""

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from study.studies.names import StudyName
from trainables.common import ConfigurationError
from trainables.configuration import Configuration, has_backbone, resolve_field
from trainables.evaluation import MINORITY_F1


@dataclass(frozen=True)
class Arm:
    """One configuration of a study, by a name that stays when `--set` changes the configuration.

    Attributes:
        name: what the arm is called everywhere; no other arm of the study has it.
        configuration: what is trained.
        published: metric -> the paper's number.
        cell: the part of the study that the arm belongs to, such as a plant; "" where the study is not divided. Figures
            draw a panel or a line for each.
        method: what the arm does for the rare class, "final BN" say; default: its name.
    """

    name: str
    configuration: Configuration
    published: Mapping[str, float] = field(default_factory=dict)
    cell: str = ""
    method: str = ""

    def __post_init__(self) -> None:
        if not self.method:
            object.__setattr__(self, "method", self.name)


@dataclass(frozen=True)
class Pair:
    """Two arms that differ in the final norm only (or what else the study compares), trained on the same seeds."""

    name: str
    treated: str
    control: str


@dataclass(frozen=True)
class Claim:
    """A sentence that the records can decide.

    `test` names a function of study/evidence/claims.py, `metric` is what it compares. The claim's primary cells are the
    arms `treated`, each against the arm of `control` at the same place; where there are several, a seed's value is
    their mean. A contrast also has `elsewhere`: (treated, control) of the cells whose gain is said to be smaller.
    """

    id: str
    sentence: str
    test: Literal["gain", "no effect", "no gain", "every", "contrast", "removal", "keeps", "best", "spread", "sooner"]
    treated: tuple[str, ...]
    control: tuple[str, ...] = ()
    metric: str = MINORITY_F1
    elsewhere: tuple[tuple[str, ...], tuple[str, ...]] = ((), ())


@dataclass(frozen=True)
class Study:
    """A row of the study table: arms x seeds, what is compared and what is claimed."""

    name: str
    source: str
    title: str
    arms: tuple[Arm, ...]
    pairs: tuple[Pair, ...]  # the first is the one that export and the headline take; none where nothing is compared
    claims: tuple[Claim, ...]
    seeds: int = 10
    first_seed: int = 0
    samples: tuple[tuple[float, float], ...] = ()  # printed P(minority) of minority images, control and treated
    seconds_per_run: float | None = None  # measured on one CPU core; None: not measured

    @property
    def name_parts(self) -> StudyName:
        """The name taken apart: which study it is, whether its smoke size, whether tuned by a search."""
        return StudyName.parse(self.name)

    def arm(self, name: str) -> Arm:
        """Returns the arm of that name; raises KeyError where the study has none."""
        return next((arm for arm in self.arms if arm.name == name), None) or _missing(name)

    def estimate(self, runs: int) -> str:
        """Returns in words how long runs take on this machine's cores, from what was measured on one core."""
        return "not measured without a GPU" if self.seconds_per_run is None else in_words(self.seconds_on(runs))

    def seconds_on(self, runs: int) -> float:
        """Returns the estimated seconds of runs on this machine's cores, 0 where nothing was measured."""
        return runs * (self.seconds_per_run or 0) / (os.cpu_count() or 1)

    def map(self, change: Callable[[Configuration], Configuration]) -> "Study":
        """Returns the study with every configuration changed.

        Raises:
            ConfigurationError: two arms become one: the change is to a field that the study varies.
        """
        arms = tuple(replace(arm, configuration=change(arm.configuration)) for arm in self.arms)
        first: dict[str, str] = {}
        for arm in arms:
            other = first.setdefault(arm.configuration.key, arm.name)
            if other != arm.name:
                raise ConfigurationError(
                    f"{self.name}: with this change the arms {other!r} and {arm.name!r} are the same; "
                    "to choose among arms use --where"
                )
        return replace(self, arms=arms)

    def where(self, name: str, value: str) -> "Study":
        """Returns the study with the arms whose field has that value.

        Raises:
            ConfigurationError: no such field or no such arm; says which values there are.
        """
        path = resolve_field(name)
        chosen = tuple(arm for arm in self.arms if _as_text(arm.configuration.flat()[path]) == value)
        if not chosen:
            values = sorted({_as_text(arm.configuration.flat()[path]) for arm in self.arms})
            raise ConfigurationError(f"{self.name} has no arm with {path}={value}; there are: {', '.join(values)}")
        return replace(self, arms=chosen)

    def smoke(self) -> "Study":
        """Returns the same study at the smallest size that still runs every part, under a name of its own."""
        return replace(self.map(_smoke), name=str(replace(self.name_parts, smoke=True)), seeds=2)


def _smoke(configuration: Configuration) -> Configuration:
    """Two epochs; a backbone that trains or sees changed images takes one, on a tenth of the images."""
    changes: dict[str, Any] = {"schedule.epochs": 2}
    if has_backbone(configuration.network.name):
        changes = {"schedule.epochs": 1}
        if not isinstance(configuration.data.test_majority, float):  # shares fit whatever there is
            changes |= {
                "data.validation_majority": 16,
                "data.validation_minority": 4,
                "data.test_majority": 16,
                "data.test_minority": 16,
                "data.train_majority": max(100, configuration.schedule.batch_size),
            }
    return configuration.replace(changes)


def in_words(seconds: float) -> str:
    """Returns "about 12 min" or "under a minute"."""
    return f"about {seconds / 60:.0f} min" if seconds >= 60 else "under a minute"


def _as_text(value: Any) -> str:
    if isinstance(value, list):
        return ",".join(value)
    return f"{value:g}" if isinstance(value, float) else str(value)


def _missing(name: str) -> Arm:
    raise KeyError(name)
