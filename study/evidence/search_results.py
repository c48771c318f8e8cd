"""What searches found, kept in the run folder for report, page and export; the trials themselves live in Optuna."""

from dataclasses import dataclass, replace
from typing import Any, Literal

from pydantic import TypeAdapter, ValidationError

from study.studies import Dimension, Values
from trainables.common import RecordError
from trainables.storage import RunFolder

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
class SearchResult:
    """What a search around one base found.

    Attributes:
        changes: field -> value of the base that is not as its study declares it.
        objectives: names, one or two.
        tuning_seeds: a trial's score is their mean.
        winners: arm -> key of its best setting; of two objectives "<arm>, <start of key>" -> key of a front's point.
        space: what was varied.
        design: the settings that all arms share.
        settings: arm -> finished trials.
        importances: arm -> field -> share of the score's variance (PED-ANOVA).
    """

    changes: dict[str, Any]
    objectives: tuple[str, ...]
    tuning_seeds: int
    winners: dict[str, str]
    space: tuple[Dimension, ...]
    design: list[Values]
    settings: dict[str, list[Setting]]
    importances: dict[str, dict[str, float]]

    def with_arms_of(self, earlier: "SearchResult | None") -> "SearchResult":
        """Returns this result and, for the arms that it did not tune, what an earlier call of the search found.

        `--arm none` and then `--arm "final BN"` give both arms. An arm tuned twice counts by the later call. A Pareto
        front is of one call only, and what was tuned in another way is left out.
        """
        if earlier is None or len(self.objectives) > 1 or not self.is_comparable(earlier):
            return self
        return replace(
            self,
            winners=earlier.winners | self.winners,
            settings=earlier.settings | self.settings,
            importances=earlier.importances | self.importances,
            design=max(earlier.design, self.design, key=len),
        )

    def is_comparable(self, other: "SearchResult") -> bool:
        """Whether the arms of both were tuned alike: over the same dimensions, with as many tuning seeds."""
        return (other.space, other.tuning_seeds) == (self.space, self.tuning_seeds)

    def scores_over_design(self, arm: str) -> dict[int, float]:
        """Returns {place in the shared design: score} of the complete settings of an arm; empty for an unknown one."""
        return {
            setting.design: setting.scores[0]
            for setting in self.settings.get(arm, [])
            if setting.design is not None and setting.state == "complete"
        }


_ADAPTER = TypeAdapter(dict[str, SearchResult])


def keep_search_result(folder: RunFolder, study: str, base: str, result: SearchResult) -> list[str]:
    """Writes what a search found into the run folder, together with what earlier calls found there.

    Args:
        folder: the run folder.
        study: name of the tuned study, such as "digits-tuned".
        base: key of the configuration that the search tuned around.
        result: what this call found.

    Returns:
        The arms found before that the tables no longer show, because they were tuned in another way; their runs stay.
    """
    results = recall_search_results(folder, study)
    earlier = results.get(base)
    merged = result.with_arms_of(earlier)
    folder.put(_place(study), _ADAPTER.dump_json({**results, base: merged}, indent=1))
    return [arm for arm in earlier.winners if arm not in merged.winners] if earlier else []


def recall_search_results(folder: RunFolder, study: str) -> dict[str, SearchResult]:
    """Returns {key of the base: what was found around it}; empty where nothing was."""
    content = folder.get(_place(study))
    try:
        return _ADAPTER.validate_json(content) if content else {}
    except ValidationError:
        raise RecordError(
            f"{folder.url}/{_place(study)} is damaged; remove it and give the search's command again"
        ) from None


def _place(study: str) -> str:
    return f"search/{study}.json"
