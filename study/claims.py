"""Groups of records -> verdicts. Pure functions; each claim names its primary cell, and no test looks further.

A claim is *reproduced* when the whole 95 % interval of its statistic is above 0, *not reproduced* when the interval's
upper end is not above 0, else *undecided* (also with fewer than two seeds).
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

from study.declaration import MINORITY_F1, REMOVED_MINORITY_F1, Claim
from study.groups import Group
from study.statistics import PairedDifference, paired_difference

REPRODUCED, NOT_REPRODUCED, UNDECIDED = "reproduced", "not reproduced", "undecided"


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
    return Verdict(claim, statistic, difference, *decide(difference))


def decide(difference: PairedDifference) -> tuple[str, str]:
    """Returns verdict and reason for a statistic that a claim says is above 0."""
    if difference.n < 2 or math.isnan(difference.low):
        return UNDECIDED, f"{difference.n} paired seeds; at least 2 are needed"
    if difference.low > 0:
        return REPRODUCED, "the whole interval is above 0"
    if difference.high <= 0:
        return NOT_REPRODUCED, "the whole interval is at or below 0"
    return UNDECIDED, "the interval holds 0"


def removal_statistic(removed: dict[int, float], final: dict[int, float], none: dict[int, float]) -> PairedDifference:
    """Returns (removed - none) - 0.5 (final - none), paired over seeds: H1's share of the gain that stays."""
    seeds = removed.keys() & final.keys() & none.keys()
    half_kept = {seed: (removed[seed] - none[seed]) - 0.5 * (final[seed] - none[seed]) for seed in seeds}
    return paired_difference(half_kept, dict.fromkeys(seeds, 0.0))


def _gain(claim: Claim, group: Group) -> tuple[str, PairedDifference]:
    treated, control = (group.values(arm, MINORITY_F1) for arm in (claim.treated, claim.control))
    return f"minority F1: {claim.treated} - {claim.control}", paired_difference(treated, control)


def _removal(claim: Claim, group: Group) -> tuple[str, PairedDifference]:
    removed = group.values(claim.treated, REMOVED_MINORITY_F1)
    final, none = group.values(claim.treated, MINORITY_F1), group.values(claim.control, MINORITY_F1)
    return "minority F1: (removed - none) - 0.5 (final - none)", removal_statistic(removed, final, none)


def _best(claim: Claim, group: Group) -> tuple[str, PairedDifference]:
    """The claimed arm against the best of the others by mean test F1: a comparison after the fact, said so."""
    means = {
        arm: sum(values.values()) / len(values)
        for arm in group.records
        if arm != claim.treated and (values := group.values(arm, MINORITY_F1))
    }
    if not means:
        return "minority F1: against the best other arm", paired_difference({}, {})
    rival = max(means, key=lambda arm: means[arm])
    difference = paired_difference(group.values(claim.treated, MINORITY_F1), group.values(rival, MINORITY_F1))
    return f"minority F1: {claim.treated} - {rival} (the best other arm)", difference


TESTS: dict[str, Callable[[Claim, Group], tuple[str, PairedDifference]]] = {
    "gain": _gain,
    "removal": _removal,
    "best": _best,
}
