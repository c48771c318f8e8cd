"""A statistic over seeds -> a verdict in a word, the reason, and the p that goes with it. Pure.

A statistic that a claim says is above 0 is *reproduced* when its whole 95 % interval is above 0, *not reproduced* when
the interval's upper end is not, else *undecided*. A claim of no effect is reproduced when the whole interval lies
within MARGIN of 0, not reproduced when none of it does, else undecided; one of no gain or no loss likewise, but on one
side. *Too few seeds*: fewer than FEWEST_SEEDS.
"""

import math
from collections.abc import Callable

from study.evidence.statistics import PairedDifference, equivalence_p, t_test_p

REPRODUCED, NOT_REPRODUCED, UNDECIDED = "reproduced", "not reproduced", "undecided"
TOO_FEW, NOT_JUDGED = "too few seeds", "not judged"
FEWEST_SEEDS = 6
MARGIN = 0.05  # in F1: differences within it count as no effect


def _too_few(difference: PairedDifference) -> tuple[str, str] | None:
    if difference.n >= FEWEST_SEEDS and not math.isnan(difference.low):
        return None
    return TOO_FEW, f"{difference.n} seeds; at least {FEWEST_SEEDS} are needed"


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


def decide_no_loss(difference: PairedDifference) -> tuple[str, str]:
    """Returns verdict and reason for a statistic that a claim says is not below 0, to MARGIN."""
    if too_few := _too_few(difference):
        return too_few
    if difference.low > -MARGIN:
        return REPRODUCED, f"the whole interval is above {-MARGIN}"
    if difference.high <= -MARGIN:
        return NOT_REPRODUCED, f"the whole interval is {MARGIN} or more below 0"
    return UNDECIDED, f"the interval crosses {-MARGIN:+}"


def decision_p(test: str, difference: PairedDifference) -> float:
    """Returns the p of the t test that goes with a claim's decision, NaN without an interval.

    Two-sided for a gain, the larger of two one-sided ones (TOST) where no effect is claimed, one-sided against the
    margin for no gain and no loss. `study.evidence.verdicts` adjusts it for the number of claims.
    """
    if test == "no effect":
        return equivalence_p(difference, MARGIN)
    if test == "no gain":
        return t_test_p(difference, MARGIN, "less")
    if test == "keeps":
        return t_test_p(difference, -MARGIN, "greater")
    return t_test_p(difference)


DECISIONS: dict[str, Callable[[PairedDifference], tuple[str, str]]] = {
    "no effect": decide_no_effect,
    "no gain": decide_no_gain,
    "keeps": decide_no_loss,
}
