"""Means, intervals and tests over seeds: they cover the seed's draws (split, weights, order), not that of the data."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import TypeVar

import numpy as np

CONFIDENCE = 0.95
EXACT_UP_TO = 14  # pairs: 2^14 sign patterns are enumerated, more are sampled


@dataclass(frozen=True)
class Interval:
    """A mean and its 95 % Student-t interval; low and high are NaN with fewer than two values."""

    mean: float
    low: float
    high: float
    n: int

    @property
    def half_width(self) -> float:
        """Half of the interval's width."""
        return (self.high - self.low) / 2


@dataclass(frozen=True)
class PairedDifference(Interval):
    """The interval of the paired differences and the two-sided sign-flip p of their mean.

    Attributes:
        p: of the sign-flip test, which takes the seeds as independent; NaN where it is left out.
        half_width_over_seeds: of the interval on these images, before it is widened for the redrawing of one pool; NaN
            where it was not widened.
    """

    p: float
    half_width_over_seeds: float = math.nan


IntervalType = TypeVar("IntervalType", bound=Interval)


def interval(values: Sequence[float]) -> Interval:
    """Returns the mean of values with its interval; NaN values (undefined metrics) are left out."""
    x = np.array([value for value in values if not math.isnan(value)])
    if not len(x):
        return Interval(math.nan, math.nan, math.nan, 0)
    mean = float(x.mean())
    if len(x) < 2:
        return Interval(mean, math.nan, math.nan, len(x))
    from scipy import stats  # takes a second to import, which a command has while Ray starts

    half = float(stats.t.ppf((1 + CONFIDENCE) / 2, len(x) - 1) * x.std(ddof=1) / math.sqrt(len(x)))
    return Interval(mean, mean - half, mean + half, len(x))


def paired_difference(treated: Mapping[int, float], control: Mapping[int, float]) -> PairedDifference:
    """Returns treated - control over the seeds that both have, {seed: value}."""
    seeds = sorted(treated.keys() & control.keys())
    differences = [treated[seed] - control[seed] for seed in seeds]
    defined = [difference for difference in differences if not math.isnan(difference)]
    summary = interval(defined)
    return PairedDifference(summary.mean, summary.low, summary.high, summary.n, _sign_flip_p(tuple(defined)))


def widened(narrow: IntervalType, overlap: float) -> IntervalType:
    """Returns the interval for seeds that draw training and test images anew from one small pool.

    Their results are not independent: the variance of the mean is 1 / n + test / train of the spread, not 1 / n
    (Nadeau, Bengio 2003, Machine Learning 52, sec. 3, the corrected resampled t-test). A sign-flip p has no such
    correction and is left out.

    Args:
        narrow: over n seeds, as if they were independent.
        overlap: test / train images; 0 changes nothing.
    """
    if not overlap or math.isnan(narrow.low):
        return narrow
    half = narrow.half_width * math.sqrt(1 + narrow.n * overlap)
    wide = replace(narrow, low=narrow.mean - half, high=narrow.mean + half)
    return replace(wide, p=math.nan) if isinstance(wide, PairedDifference) else wide


def widened_for_pool(over_seeds: PairedDifference, overlap: float) -> PairedDifference:
    """Returns the difference with the interval of `widened`; the sign-flip p and the half width over seeds stay."""
    if not overlap or math.isnan(over_seeds.low):
        return over_seeds
    wide = widened(over_seeds, overlap)
    return replace(wide, p=over_seeds.p, half_width_over_seeds=over_seeds.half_width)


def t_test_p(difference: Interval, null: float = 0.0, alternative: str = "two-sided") -> float:
    """Returns the p of Student's t test that a mean is `null`, from its 95 % interval, widened or not.

    Args:
        difference: mean and interval; NaN is returned where it has none.
        null: what the mean is compared with.
        alternative: "two-sided", "greater" (the mean is above it) or "less".
    """
    if math.isnan(difference.low):
        return math.nan
    from scipy import stats

    distribution = stats.t(difference.n - 1)
    standard_error = difference.half_width / distribution.ppf((1 + CONFIDENCE) / 2)
    distance = difference.mean - null
    t = distance / standard_error if standard_error else math.copysign(math.inf, distance) if distance else 0.0
    if alternative == "two-sided":
        return float(min(1.0, 2 * distribution.sf(abs(t))))
    return float(distribution.sf(t) if alternative == "greater" else distribution.cdf(t))


def equivalence_p(difference: Interval, margin: float) -> float:
    """Returns the larger p of the two one-sided t tests (TOST) that a mean lies within a margin of 0."""
    return max(t_test_p(difference, -margin, "greater"), t_test_p(difference, margin, "less"))


def last_above(differences: Sequence[Mapping[int, float]], bound: float) -> tuple[int, int, int]:
    """Returns up to which of several cells in a row every mean difference is above a bound, with its 95 % interval.

    The interval is the percentile bootstrap's over the seeds that all cells have, resampled together (Efron, Tibshirani
    1993, ch. 13): a place in a row has no t interval.

    Args:
        differences: of every cell, {seed: difference}.
        bound: in the unit of the differences.

    Returns:
        Number of leading cells whose mean is above the bound, and the least and largest one of its interval.
    """
    from scipy import stats

    seeds = sorted(set.intersection(*(set(of_cell) for of_cell in differences)))
    values = np.array([[of_cell[seed] for of_cell in differences] for seed in seeds])

    def leading(drawn: np.ndarray) -> float:
        return float(np.cumprod(values[drawn].mean(axis=0) > bound).sum())

    places = np.arange(len(seeds))
    if len(places) < 2:
        return int(leading(places)), 0, len(differences)
    drawn = stats.bootstrap(
        (places,), leading, method="percentile", vectorized=False, n_resamples=2000, rng=np.random.default_rng(0)
    ).confidence_interval
    return int(leading(places)), math.floor(drawn.low), math.ceil(drawn.high)


@lru_cache(maxsize=4096)  # tables, figures and the page judge the same claims
def _sign_flip_p(differences: tuple[float, ...]) -> float:
    """Two-sided p of the mean when every sign was a coin flip; exact up to EXACT_UP_TO pairs."""
    if len(differences) < 2:
        return math.nan
    from scipy import stats

    resamples = math.inf if len(differences) <= EXACT_UP_TO else 9999
    result = stats.permutation_test(
        (np.array(differences),),
        lambda x, axis: x.mean(axis=axis),
        permutation_type="samples",
        vectorized=True,
        n_resamples=resamples,
        rng=np.random.default_rng(0),
    )
    return float(result.pvalue)
