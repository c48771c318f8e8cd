"""What searches found, kept in the run folder for report, page and export; the trials themselves live in Optuna."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

from pydantic import TypeAdapter

from study.search_space import Dimension, Values
from trainables.records import RunFolder

State = Literal["complete", "pruned", "failed"]


@dataclass(frozen=True)
class Setting:
    """A finished trial of an arm: its values, its place in the shared design, and the objectives."""

    values: Values
    design: int | None
    state: State
    scores: tuple[float, ...]
    reason: str = ""


@dataclass(frozen=True)
class Found:
    """What a search around one base found.

    Attributes:
        changes: field -> value of the base that is not as its study declares it.
        objectives: names, one or two.
        winners: arm -> key of its best setting; of two objectives "<arm>, <start of key>" -> key of a front's point.
        space: what was varied.
        design: the settings that all arms share.
        settings: arm -> finished trials.
        importances: arm -> field -> share of the score's variance (PED-ANOVA).
    """

    changes: dict[str, Any]
    objectives: tuple[str, ...]
    winners: dict[str, str]
    space: tuple[Dimension, ...]
    design: list[Values]
    settings: dict[str, list[Setting]]
    importances: dict[str, dict[str, float]]

    def after(self, earlier: "Found | None") -> "Found":
        """Returns this with the arms that an earlier call of the same search tuned; a front is only of one call."""
        if earlier is None or len(self.objectives) > 1 or earlier.space != self.space:
            return self
        return replace(
            self, winners=earlier.winners | self.winners, settings=earlier.settings | self.settings,
            importances=earlier.importances | self.importances, design=max(earlier.design, self.design, key=len),
        )  # fmt: skip


_ADAPTER = TypeAdapter(dict[str, Found])


def keep(folder: RunFolder, study: str, base: str, found: Found) -> None:
    """Keeps what a search of a tuned study found around the base of this key, with what was found there before."""
    known = recall(folder, study)
    merged: Mapping[str, Found] = known | {base: found.after(known.get(base))}
    folder.put(_place(study), _ADAPTER.dump_json(dict(merged), indent=1))


def recall(folder: RunFolder, study: str) -> dict[str, Found]:
    """Returns {key of the base: what was found around it}; empty where nothing was."""
    content = folder.get(_place(study))
    return _ADAPTER.validate_json(content) if content else {}


def _place(study: str) -> str:
    return f"search/{study}.json"
