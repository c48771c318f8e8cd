"""Groups of records -> verdicts. Pure functions; each claim names its primary cells, and no test looks further.

A statistic that a claim says is above 0 is *reproduced* when its whole 95 % interval is above 0, *not reproduced* when
the interval's upper end is not, else *undecided* (also with fewer than two seeds). A claim of no effect is reproduced
when the whole interval lies within MARGIN of 0, not reproduced when none of it does, else undecided; one of no gain
likewise, but on one side.
"""

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from statistics import median

from study.evidence.groups import Group
from study.evidence.statistics import PairedDifference
from study.studies import Claim
from trainables.evaluation import MINORITY_F1, REMOVED_MINORITY_F1

REPRODUCED, NOT_REPRODUCED, UNDECIDED = "reproduced", "not reproduced", "undecided"
MARGIN = 0.05  # in F1: differences within it count as no effect
GOOD_F1 = 0.8  # "sooner" counts the epochs to it

Values = dict[int, float]  # seed -> value


@dataclass(frozen=True)
class Verdict:
    """What the records say about a claim."""

    claim: Claim
    statistic: str
    difference: PairedDifference
    verdict: str
    reason: str


def judge(claim: Claim, group: Group) -> Verdict:
    """Returns the verdict on a claim from the complete records of a group."""
    statistic, difference = TESTS[claim.test](claim, group)
    return Verdict(claim, statistic, difference, *DECISIONS.get(claim.test, decide)(difference))


def _too_few(difference: PairedDifference) -> tuple[str, str] | None:
    if difference.n >= 2 and not math.isnan(difference.low):
        return None
    return UNDECIDED, f"{difference.n} paired seeds; at least 2 are needed"


def decide(difference: PairedDifference) -> tuple[str, str]:
    """Returns verdict and reason for a statistic that a claim says is above 0."""
    if too_few := _too_few(difference):
        return too_few
    if difference.low > 0:
        return REPRODUCED, "the whole interval is above 0"
    if difference.high <= 0:
        return NOT_REPRODUCED, "the whole interval is at or below 0"
    return UNDECIDED, "the interval holds 0"


def decide_no_effect(difference: PairedDifference) -> tuple[str, str]:
    """Returns verdict and reason for a statistic that a claim says is 0, to MARGIN."""
    if too_few := _too_few(difference):
        return too_few
    if difference.low > -MARGIN and difference.high < MARGIN:
        return REPRODUCED, f"the whole interval is within {MARGIN} of 0"
    if difference.low >= MARGIN or difference.high <= -MARGIN:
        return NOT_REPRODUCED, f"the whole interval is {MARGIN} or more from 0"
    return UNDECIDED, f"the interval crosses {MARGIN:+} or {-MARGIN:+}"


def decide_no_gain(difference: PairedDifference) -> tuple[str, str]:
    """Returns verdict and reason for a statistic that a claim says is not above 0, to MARGIN."""
    if too_few := _too_few(difference):
        return too_few
    if difference.high < MARGIN:
        return REPRODUCED, f"the whole interval is below {MARGIN}"
    if difference.low >= MARGIN:
        return NOT_REPRODUCED, f"the whole interval is {MARGIN} or more above 0"
    return UNDECIDED, f"the interval crosses {MARGIN:+}"


def removal_statistic(group: Group, removed: Values, final: Values, none: Values) -> PairedDifference:
    """Returns (removed - none) - 0.5 (final - none), paired over a group's seeds: H1's share of the gain that stays."""
    seeds = removed.keys() & final.keys() & none.keys()
    half_kept = {seed: (removed[seed] - none[seed]) - 0.5 * (final[seed] - none[seed]) for seed in seeds}
    return group.gain_over(half_kept, dict.fromkeys(seeds, 0.0))


def _gain(claim: Claim, group: Group) -> tuple[str, PairedDifference]:
    treated = _mean([group.values(arm, claim.metric) for arm in claim.treated])
    control = _mean([group.values(arm, claim.metric) for arm in claim.control])
    return f"{claim.metric}: {_name(claim.treated)} - {_name(claim.control)}", group.gain_over(treated, control)


def _removal(claim: Claim, group: Group) -> tuple[str, PairedDifference]:
    removed = _mean([group.values(arm, REMOVED_MINORITY_F1) for arm in claim.treated])
    final = _mean([group.values(arm, MINORITY_F1) for arm in claim.treated])
    none = _mean([group.values(arm, MINORITY_F1) for arm in claim.control])
    return f"{MINORITY_F1}: (removed - none) - 0.5 (final - none)", removal_statistic(group, removed, final, none)


def _best(claim: Claim, group: Group) -> tuple[str, PairedDifference]:
    """The claimed arm against the best of its rivals by mean test F1: a comparison after the fact, said so."""
    (treated,) = claim.treated
    rivals = claim.control or tuple(arm.name for arm in group.study.arms if arm.name != treated)
    values_of = {arm: group.values(arm, claim.metric) for arm in rivals}
    means = {arm: sum(values.values()) / len(values) for arm, values in values_of.items() if values}
    if len(means) < len(rivals):  # the best of those that happen to be there is not the best
        present = f"{len(means)} of {len(rivals)} others are there"
        return f"{claim.metric}: {treated} - the best other; {present}", group.gain_over({}, {})
    rival = max(means, key=lambda arm: means[arm])
    difference = group.gain(treated, rival, claim.metric)
    return f"{claim.metric}: {treated} - {rival} (the best other)", difference


def _spread(claim: Claim, group: Group) -> tuple[str, PairedDifference]:
    """Distance from the arm's median, control - treated: above 0 when treatment makes seeds agree (Brown-Forsythe)."""
    treated, control = (
        _mean([_distances(group.values(arm, claim.metric)) for arm in arms]) for arms in (claim.treated, claim.control)
    )
    return f"{claim.metric}: distance from the median, control - treated", group.gain_over(control, treated)


def _sooner(claim: Claim, group: Group) -> tuple[str, PairedDifference]:
    """Epochs until the metric first reaches GOOD_F1, control - treated; an arm that never does takes one more."""
    treated, control = (
        _mean([_epochs_to(group, arm, claim.metric) for arm in arms]) for arms in (claim.treated, claim.control)
    )
    return f"epochs until {claim.metric} >= {GOOD_F1}, control - treated", group.gain_over(control, treated)


def _epochs_to(group: Group, arm: str, metric: str) -> Values:
    epochs = {}
    for seed, record in group.records.get(arm, {}).items():
        series = record.history.get(metric, [])
        reached = (epoch for epoch, value in enumerate(series, start=1) if value is not None and value >= GOOD_F1)
        epochs[seed] = float(next(reached, len(series) + 1))
    return epochs


def _distances(values: Values) -> Values:
    middle = median(values.values()) if values else math.nan
    return {seed: abs(value - middle) for seed, value in values.items()}


def _mean(cells: Iterable[Values]) -> Values:
    """Returns the mean over cells of every seed that all cells have."""
    listed = list(cells)
    seeds = set.intersection(*(set(values) for values in listed)) if listed else set()
    return {seed: sum(values[seed] for values in listed) / len(listed) for seed in sorted(seeds)}


def _name(arms: tuple[str, ...]) -> str:
    return arms[0] if len(arms) == 1 else f"mean of {arms[0]} ... {arms[-1]}"


TESTS: dict[str, Callable[[Claim, Group], tuple[str, PairedDifference]]] = {
    "gain": _gain,
    "no effect": _gain,
    "no gain": _gain,
    "removal": _removal,
    "best": _best,
    "spread": _spread,
    "sooner": _sooner,
}
DECISIONS: dict[str, Callable[[PairedDifference], tuple[str, str]]] = {
    "no effect": decide_no_effect,
    "no gain": decide_no_gain,
}
