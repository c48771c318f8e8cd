"""Validation scores -> the threshold that a target asks for; test scores -> what is achieved there.

The statistic of an image is its lead: the best score of a rare class less the best score of a frequent one. It is
called rare where its lead is above the threshold. With r the share of rare images found, a that of frequent images
taken for rare, and o frequent images to a rare one where the network is to decide:

    precision = r / (r + o a)        cost of an image = (miss (1 - r) + alarm o a) / (1 + o)

A recall or precision counts as reached where validation images say so with 95 % confidence (one-sided): a recall that
is exactly reached on validation is missed by every second network on new images. For the recall this is the order
statistic of the Neyman-Pearson classifiers (Tong, Feng, Li 2018, Science Advances 4, eaao1659); 59 rare validation
images are the fewest that can vouch for a recall of 0.95. Where there are too few, the threshold is the safest there
is, and its confidence is said.
"""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from trainables.common import ConfigurationError
from trainables.configuration import Data
from trainables.evaluation.target import COST, F1, PRECISION, RECALL, Target
from trainables.evaluation.thresholds import choose_threshold, odds_of
from trainables.storage import PREDICTIONS, Record, RunFolder

Leads = npt.NDArray[np.float64]
IsMinority = npt.NDArray[np.bool_]
Counts = npt.NDArray[np.int64]

CONFIDENCE = 0.95
QUANTILES = 100  # of the recall, where the confidence in a precision is worked out
DRAWS = 20_000  # of a precision, for its interval


class UnreachableError(ConfigurationError):
    """A target that no threshold reaches on validation images.

    Attributes:
        best: the best precision that one does.
    """

    def __init__(self, message: str, best: float) -> None:
        super().__init__(message)
        self.best = best


@dataclass(frozen=True)
class Estimate:
    """A share and its 95 % interval over images; all NaN where it is not defined."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class OperatingPoint:
    """What a threshold does on labelled images.

    Attributes:
        threshold: of the lead; above it an image is called rare.
        found, missed: rare images.
        alarms, passed: frequent images, taken for rare and not.
        odds: frequent images to a rare one where the network is to decide.
        confidence: that other images from where these came meet the target; NaN for a target that is no bound, and
            where the threshold was not chosen on these images.
    """

    threshold: float
    found: int
    missed: int
    alarms: int
    passed: int
    odds: float
    confidence: float = float("nan")

    @property
    def probability(self) -> float:
        """The threshold as the rare one's share of exp(score): its probability, of two classes that softmax tells."""
        from scipy.special import expit

        return float(expit(self.threshold))

    @property
    def recall(self) -> Estimate:
        """The share of rare images found, with Wilson's interval."""
        if not self.found + self.missed:
            return Estimate(*[float("nan")] * 3)
        from scipy.stats import binomtest

        test = binomtest(self.found, self.found + self.missed)
        low, high = test.proportion_ci(method="wilson")
        return Estimate(float(test.statistic), float(low), float(high))

    @property
    def precision(self) -> Estimate:
        """The share of rare images among those called rare, at the odds; the interval is of Jeffreys' two shares."""
        if not (self.found + self.missed and self.alarms + self.passed and self.found + self.alarms):
            return Estimate(*[float("nan")] * 3)
        value = _precision(self.found / (self.found + self.missed), self._alarm_share, self.odds)
        rng = np.random.default_rng(0)
        found = rng.beta(self.found + 0.5, self.missed + 0.5, DRAWS)
        alarms = rng.beta(self.alarms + 0.5, self.passed + 0.5, DRAWS)
        low, high = np.percentile(_precision(found, alarms, self.odds), [2.5, 97.5])
        return Estimate(float(value), min(float(low), float(value)), max(float(high), float(value)))

    @property
    def f1(self) -> float:
        """The F1 of the rare role at the odds; NaN where one of the roles has no images."""
        recall = self.recall.value
        return 2 * recall / (1 + recall + self.odds * self._alarm_share)

    def cost(self, target: Target) -> float:
        """Returns the mean cost of an image at the odds."""
        missed = 1 - self.recall.value
        return (target.miss * missed + target.alarm * self.odds * self._alarm_share) / (1 + self.odds)

    def meets(self, target: Target) -> bool | None:
        """Returns whether these images meet the target; None for a target that is no bound."""
        bounded = {RECALL: self.recall, PRECISION: self.precision}.get(target.kind)
        return None if bounded is None else bounded.value >= target.least

    @property
    def _alarm_share(self) -> float:
        frequent = self.alarms + self.passed
        return self.alarms / frequent if frequent else float("nan")


def lead_of(scores: npt.NDArray[Any], num_majority: int) -> Leads:
    """Returns the best minority score less the best majority score, (n,), of scores (n, classes), majority first."""
    return np.asarray(scores[:, num_majority:].max(axis=1) - scores[:, :num_majority].max(axis=1), dtype=np.float64)


def choose_operating_point(lead: Leads, is_minority: IsMinority, target: Target, odds: float) -> OperatingPoint:
    """Returns the threshold that a target asks for, with what it does on the images that it is chosen on.

    recall     the fewest alarms among thresholds that reach it with confidence
    precision  the most found among thresholds that reach it with confidence
    cost, f1   the best

    Args:
        lead: of validation images (n,).
        is_minority: (n,), both roles with images.
        target: what to reach.
        odds: frequent images to a rare one where the network is to decide.

    Raises:
        UnreachableError: a precision that no threshold reaches; says the best that one does.
    """
    if target.kind == F1:
        return judge_threshold(lead, is_minority, choose_threshold(lead, is_minority, odds=odds), odds)
    rare, frequent = np.sort(lead[is_minority]), np.sort(lead[~is_minority])
    places = np.append(np.inf, np.unique(rare)[::-1])  # nothing is rare, then one rare image after the other
    found, alarms = (len(leads) - np.searchsorted(leads, places) for leads in (rare, frequent))
    confidence = np.full(len(places), np.nan)
    if target.kind == COST:
        costs = target.miss * (1 - found / len(rare)) + target.alarm * odds * alarms / len(frequent)
        best = int(np.argmin(costs))
    else:
        confidence = _confidence(found, alarms, len(rare), len(frequent), target, odds)
        sure = np.flatnonzero(confidence >= CONFIDENCE)
        if target.kind == RECALL:
            best = int(sure[0]) if len(sure) else len(places) - 1
        else:
            _check_precision(found, alarms, len(rare), len(frequent), target, odds)
            best = int(sure[-1]) if len(sure) else int(np.argmax(confidence))
    point = judge_threshold(lead, is_minority, _just_below(places[best], lead), odds)
    return replace(point, confidence=float(confidence[best]))


def shift_to(threshold: float, num_majority: int, num_classes: int) -> Leads:
    """Returns what to add to the class scores, (classes,), so that argmax decides at a threshold of the lead.

    Majority classes come first; only minority scores are shifted.
    """
    shift = np.zeros(num_classes)
    shift[num_majority:] = -threshold
    return shift


def judge_threshold(lead: Leads, is_minority: IsMinority, threshold: float, odds: float) -> OperatingPoint:
    """Returns what a threshold does on images: leads (n,) and which of them are of the rare role (n,)."""
    return judge_decisions(lead > threshold, is_minority, odds, threshold)


def judge_decisions(
    called_rare: npt.NDArray[np.bool_], is_minority: IsMinority, odds: float, threshold: float = float("nan")
) -> OperatingPoint:
    """Returns what decisions do on images: which are called rare (n,) and which are (n,)."""
    cells = ((called_rare, is_minority), (~called_rare, is_minority), (called_rare, ~is_minority))
    found, missed, alarms = (int((a & b).sum()) for a, b in cells)
    return OperatingPoint(threshold, found, missed, alarms, len(is_minority) - found - missed - alarms, odds)


def point_of_counts(confusion: npt.NDArray[np.int64], num_majority: int, odds: float) -> OperatingPoint:
    """Returns what decisions do on images counted as (label, decided), majority classes first."""
    cells = [[int(part.sum()) for part in np.split(rows, [num_majority], axis=1)]
             for rows in np.split(confusion, [num_majority])]  # fmt: skip
    (passed, alarms), (missed, found) = cells
    return OperatingPoint(float("nan"), found, missed, alarms, passed, odds)


def odds_for(target: Target, data: Data, is_minority: IsMinority) -> float:
    """Returns frequent images to a rare one where a network is to decide: of the target, else as `odds_of` says."""
    return odds_of(data, is_minority) if target.prevalence is None else (1 - target.prevalence) / target.prevalence


def points_of_run(
    record: Record, folder: RunFolder, target: Target, removed: bool = False
) -> tuple[OperatingPoint, OperatingPoint] | None:
    """Returns what the chosen threshold of a run does on its validation and on its test images.

    Args:
        record: a complete run.
        folder: where its predictions lie.
        target: what the threshold is chosen for.
        removed: whether the run's final norm is taken off (K21 H1).

    Returns:
        None without validation images of both roles.

    Raises:
        UnreachableError: a precision that no threshold reaches.
        RecordError: the predictions of the run are missing or damaged.
    """
    tensors, data = folder.tensors(record, PREDICTIONS), record.typed_configuration().data
    num_majority, ending = len(data.majority), "-removed" if removed else ""
    if f"validation{ending}/scores" not in tensors:
        return None
    is_validated, is_tested = (tensors[f"{split}/labels"] >= num_majority for split in ("validation", "test"))
    if is_validated.all() or not is_validated.any():
        return None
    validated, tested = (lead_of(tensors[f"{split}{ending}/scores"], num_majority) for split in ("validation", "test"))
    odds = odds_for(target, data, is_validated)
    chosen = choose_operating_point(validated, is_validated, target, odds)
    return chosen, judge_threshold(tested, is_tested, chosen.threshold, odds)


def _confidence(found: Counts, alarms: Counts, num_rare: int, num_frequent: int, target: Target, odds: float) -> Leads:
    """Returns the confidence, (thresholds,), that new images meet a recall or a precision.

    Of shares whose bounds are Clopper and Pearson's: the recall is Beta(found, missed + 1), the share of false alarms
    Beta(alarms + 1, passed). For a precision the second is averaged over quantiles of the first.
    """
    from scipy.stats import beta

    confidence = np.zeros(len(found))
    some = found > 0
    hits, misses, false = found[some], num_rare - found[some] + 1, alarms[some]
    if target.kind == RECALL:
        confidence[some] = beta.sf(target.least, hits, misses)
        return confidence
    middles = (np.arange(QUANTILES) + 0.5) / QUANTILES
    recall = beta.ppf(middles[:, None], hits, misses)  # (quantiles, thresholds)
    most = recall * (1 - target.least) / (target.least * odds)  # alarm share that leaves the precision
    passed = np.maximum(num_frequent - false, 1e-9)
    confidence[some] = beta.cdf(np.minimum(most, 1), false + 1, passed).mean(axis=0)
    reached = _precision(found[some] / num_rare, false / num_frequent, odds) >= target.least
    confidence[some] *= reached
    return confidence


def _check_precision(
    found: Counts, alarms: Counts, num_rare: int, num_frequent: int, target: Target, odds: float
) -> None:
    """Raises UnreachableError where no threshold reaches a precision on the images themselves."""
    some = found > 0
    precision = _precision(found[some] / num_rare, alarms[some] / num_frequent, odds)
    best = int(np.argmax(precision))
    if precision[best] < target.least:
        raise UnreachableError(
            f"{target.text}: no threshold reaches it on {num_rare} rare and {num_frequent} frequent validation images; "
            f"the best precision is {precision[best]:.3f}, with {found[some][best]} of {num_rare} found",
            float(precision[best]),
        )


def _precision(recall: Any, alarm_share: Any, odds: float) -> Any:
    return recall / (recall + odds * alarm_share)


def _just_below(place: float, lead: Leads) -> float:
    """Returns a threshold between an image's lead and the next lower one; rounding then changes no decision."""
    lower = lead[lead < place]
    if np.isinf(place):
        return float(lower.max()) + max(1.0, abs(float(lower.max())))
    next_lower = lower.max() if len(lower) else place - max(1.0, abs(place))
    return float((place + next_lower) / 2)
