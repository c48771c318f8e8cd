"""What a search found: the groups of its winners' records, and whether the final BN is ahead at each setting. Pure."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from study.evidence.groups import Group, group_records, label_of, sorted_groups
from study.evidence.search_results import SearchResult, Setting, recall_search_results
from study.studies import Range, Study, Values, tuned_study
from trainables.common import RecordError
from trainables.storage import Record, RunFolder

ROBUST, FRAGILE, REVERSED = "robust", "fragile", "reversed"
Scores = Mapping[int, float]  # place in the shared design -> score


@dataclass(frozen=True)
class Robustness:
    """The final BN against another arm over the settings of the shared design.

    Attributes:
        ahead: settings at which its score is higher; a tie counts half.
        settings: settings that both arms finished.
        low, high: 95 % interval of the share ahead (Clopper-Pearson).
        depends_on: the number a gain goes with most, its rank correlation (Spearman); "" with fewer than 5 settings.
    """

    control: str
    ahead: float
    settings: int
    low: float
    high: float
    verdict: str
    depends_on: str


def tuned_groups(study: Study, records: Iterable[Record], searches: Mapping[str, SearchResult]) -> list[Group]:
    """Returns a group for each base that was tuned around, with the winner of every arm; the declared base first."""
    by_key: dict[str, dict[int, Record]] = {}
    for record in records:
        if record.status == "complete":
            by_key.setdefault(record.key, {})[record.seed] = record
    groups = []
    for search in searches.values():
        records_of_arm = {
            arm: {seed: record.model_copy(update={"arm": arm}) for seed, record in by_key[key].items()}
            for arm, key in search.winners.items()
            if key in by_key
        }
        if records_of_arm:
            winners = {arm: next(iter(runs.values())).typed_configuration() for arm, runs in records_of_arm.items()}
            label = label_of(search.changes)
            groups.append(Group(tuned_study(study.name, winners), label, records_of_arm, search.changes, search))
    return sorted_groups(groups)


def groups_of_records(study: Study, records: Iterable[Record], folder: RunFolder) -> list[Group]:
    """Returns the groups of a study's complete records, whether it is declared or what a search in `folder` found.

    What a search found and cannot be read is noted in `folder.left_out`; there are no groups then.
    """
    if not study.name_parts.search:
        return group_records(study, records)
    try:
        searches = recall_search_results(folder, study.name)
    except RecordError as error:
        folder.left_out[f"search/{study.name}.json"] = str(error)
        return []
    return tuned_groups(study, records, searches)


def pareto_front(settings: Sequence[Setting], directions: Sequence[str]) -> list[Setting]:
    """Returns the complete settings that no other is at least as good as in all objectives and better in one."""
    signs = [1 if direction == "maximize" else -1 for direction in directions]

    def upwards(setting: Setting) -> list[float]:
        """Its scores, turned so that more is better in each."""
        return [sign * score for sign, score in zip(signs, setting.scores, strict=True)]

    def beats(one: Setting, other: Setting) -> bool:
        at_least_as_good = all(a >= b for a, b in zip(upwards(one), upwards(other), strict=True))
        return at_least_as_good and upwards(one) != upwards(other)

    complete = [setting for setting in settings if setting.state == "complete"]
    return [setting for setting in complete if not any(beats(other, setting) for other in complete)]


def judge_robustness(
    control: str,
    treated: Scores,
    other: Scores,
    design: Sequence[Values],
    space: Iterable[object],
) -> Robustness:
    """Returns how the final BN's scores compare with an arm's, setting by setting.

    Robust: the whole interval of the share of settings ahead is above one half; reversed: it is below; else fragile.
    """
    from scipy import stats  # takes a second to import, which no --help needs

    shared = sorted(treated.keys() & other.keys())  # places that both arms finished
    gains = [treated[place] - other[place] for place in shared]
    ahead = sum(1.0 if gain > 0 else 0.5 if gain == 0 else 0.0 for gain in gains)
    if not shared:
        return Robustness(control, 0, 0, math.nan, math.nan, FRAGILE, "")
    bounds = (
        stats.binomtest(math.floor(ahead), len(shared)).proportion_ci(),
        stats.binomtest(math.ceil(ahead), len(shared)).proportion_ci(),
    )
    low, high = bounds[0].low, bounds[1].high
    verdict = ROBUST if low > 0.5 else REVERSED if high < 0.5 else FRAGILE
    return Robustness(control, ahead, len(shared), low, high, verdict, _depends_on(shared, gains, design, space))


def _depends_on(
    shared: Sequence[int], gains: Sequence[float], design: Sequence[Values], space: Iterable[object]
) -> str:
    if len(shared) < 5 or len(set(gains)) < 2:
        return ""
    from scipy import stats

    fields = [d.field for d in space if isinstance(d, Range)]
    correlations = {
        field: float(stats.spearmanr([design[place][field] for place in shared], gains).statistic) for field in fields
    }
    strongest = max(correlations, key=lambda field: abs(correlations[field]), default="")
    return f"{strongest.split('.')[-1]} ({correlations[strongest]:+.2f})" if strongest else ""
