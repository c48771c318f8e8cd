"""Groups of records -> verdicts. Pure functions; each claim names its primary cells, and no test looks further.

*Not judged*: an arm that the claim is about does not tell the classes apart, its balanced accuracy is not above chance,
by ABOVE_CHANCE, with its whole interval. Always saying "rare" has a minority F1 of 0.667 on a balanced test set, more
than many controls: it passes for no gain here.

Where every seed draws training and test images from one pool the interval is the one of the corrected resampled t test
(`Group.pool_overlap`); the interval over seeds, "on these images", stands beside it.
"""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import TypeVar

from study.evidence.decisions import DECISIONS, FEWEST_SEEDS, MARGIN, NOT_JUDGED, decide, decision_p
from study.evidence.groups import Group
from study.evidence.prevalence import f1_at_prevalence
from study.evidence.statistics import PairedDifference, last_above, widened_for_pool
from study.studies import Claim
from trainables.evaluation import (
    BOTH_F1,
    F1_AT_TRAINING_PREVALENCE,
    MAJORITY_F1,
    MINORITY_F1,
    REMOVED_BOTH_F1,
    REMOVED_MAJORITY_F1,
    REMOVED_MINORITY_F1,
    metric_key,
)

ABOVE_CHANCE = 0.02  # in balanced accuracy: the 95 % interval of a coin is above chance once in forty times
GOOD_F1 = 0.8  # "sooner" counts the epochs to it

Values = dict[int, float]  # seed -> value
Cell = TypeVar("Cell")
F1_OF_ROLES = {BOTH_F1: (MINORITY_F1, MAJORITY_F1), REMOVED_BOTH_F1: (REMOVED_MINORITY_F1, REMOVED_MAJORITY_F1)}


@dataclass(frozen=True)
class Verdict:
    """What the records say about a claim.

    Attributes:
        claim: the sentence and its cells.
        statistic: what was compared, in words.
        difference: mean, interval, sign-flip p.
        verdict: one of the five words of study/evidence/decisions.py.
        reason: why.
        t_p: of the t test whose interval decides; not adjusted for other claims.
    """

    claim: Claim
    statistic: str
    difference: PairedDifference
    verdict: str
    reason: str
    t_p: float = math.nan


def judge(claim: Claim, group: Group) -> Verdict:
    """Returns the verdict on a claim from the complete records of a group."""
    statistic, difference = TESTS[claim.test](claim, group)
    t_p = decision_p(claim.test, difference)
    if reason := _tell_nothing_apart(claim, group):
        return Verdict(claim, statistic, difference, NOT_JUDGED, reason, t_p)
    return Verdict(claim, statistic, difference, *DECISIONS.get(claim.test, decide)(difference), t_p)


def _tell_nothing_apart(claim: Claim, group: Group) -> str:
    """Returns which arms that a claim is about do not tell the classes apart; "" where all do or seeds are too few."""
    split = "test-removed" if claim.test in ("removal", "keeps") else "test"
    blind = []
    for arm in _about(claim, group):
        accuracy = group.interval_over(balanced_accuracy(group, arm, split).values())
        chance = 1 / len(group.configuration(arm).data.classes)
        if accuracy.n >= FEWEST_SEEDS and not accuracy.low > chance + ABOVE_CHANCE:
            blind.append(f"{arm} ({accuracy.mean:.2f})")
    which = ", its norm removed," if split == "test-removed" else ""
    return f"balanced accuracy{which} is not above chance: {', '.join(blind)}" if blind else ""


def _about(claim: Claim, group: Group) -> list[str]:
    """Returns the arms that have to work for a claim to say something.

    Those treated; both sides where no effect, no gain or less spread is claimed. A claim that something falls, such as
    confidence, names its arms the other way round: the one with the final norm is meant.
    """
    there = [arm for arm in (*claim.treated, *claim.control) if arm in group.records]
    if claim.test in ("no effect", "no gain", "spread"):
        return there
    of_treated = [arm for arm in (*claim.treated, *claim.elsewhere[0]) if arm in group.records]
    if claim.metric.split("/")[1] == "f1":
        return of_treated
    return [arm for arm in there if group.configuration(arm).network.final_norm != "none"] or of_treated


def balanced_accuracy(group: Group, arm: str, split: str = "test") -> Values:
    """Returns {seed: mean over the classes of the share of their images that is found}."""
    classes = group.configuration(arm).data.classes
    return _mean(group.values(arm, metric_key(split, "recall", name)) for name in classes)


def _removal_statistic(claim: Claim, group: Group, removed: Values, final: Values, none: Values) -> PairedDifference:
    """Returns (removed - none) - 0.5 (final - none), paired over a group's seeds: what H1a says of the gain."""
    seeds = removed.keys() & final.keys() & none.keys()
    half_kept = {seed: (removed[seed] - none[seed]) - 0.5 * (final[seed] - none[seed]) for seed in seeds}
    return _difference(claim, group, half_kept, dict.fromkeys(seeds, 0.0))


def _difference(claim: Claim, group: Group, treated: Values, control: Values) -> PairedDifference:
    """Returns treated - control as verdicts take it: for a pool that every seed redraws, corrected."""
    return widened_for_pool(group.gain_over(treated, control), group.pool_overlap(claim.treated))


def _gain(claim: Claim, group: Group) -> tuple[str, PairedDifference]:
    treated = _mean([_values(group, arm, claim.metric) for arm in claim.treated])
    control = _mean([_values(group, arm, claim.metric) for arm in claim.control])
    return f"{claim.metric}: {_name(claim.treated)} - {_name(claim.control)}", _difference(
        claim, group, treated, control
    )


def _every(claim: Claim, group: Group) -> tuple[str, PairedDifference]:
    """The pair with the least to show, and up to which pair, in the declared order, the gain is above MARGIN.

    A gain in every pair is one in that with the least; none is passed over.
    """
    pairs = list(zip(claim.treated, claim.control, strict=True))
    values = [
        (_values(group, treated, claim.metric), _values(group, control, claim.metric)) for treated, control in pairs
    ]
    num_present = sum(bool(treated and control) for treated, control in values)
    if num_present < len(pairs):
        return f"{claim.metric}: the least gain; {num_present} of {len(pairs)} pairs are there", group.gain_over({}, {})
    differences = {pair: _difference(claim, group, *of_pair) for pair, of_pair in zip(pairs, values, strict=True)}
    least = _hardest(differences)
    statistic = f"{claim.metric}: {least[0]} - {least[1]} (the least of {len(pairs)}); {_break(values, pairs)}"
    return statistic, differences[least]


def _break(values: Sequence[tuple[Values, Values]], pairs: Sequence[tuple[str, str]]) -> str:
    """Returns, in words, up to which pair every gain is above MARGIN, with its 95 % interval over seeds."""
    gains = [
        {seed: treated[seed] - control[seed] for seed in treated.keys() & control.keys()} for treated, control in values
    ]
    last, low, high = last_above(gains, MARGIN)
    where = [pairs[number - 1][0] if number else "none" for number in (last, low, high)]
    return f"above {MARGIN} up to {where[0]} (95 %: {where[1]} to {where[2]})"


def _contrast(claim: Claim, group: Group) -> tuple[str, PairedDifference]:
    """The gain of the claim's cells minus the gain of those elsewhere."""
    gains = []
    for treated, control in ((claim.treated, claim.control), claim.elsewhere):
        with_it = _mean([_values(group, arm, claim.metric) for arm in treated])
        without = _mean([_values(group, arm, claim.metric) for arm in control])
        gains.append({seed: with_it[seed] - without[seed] for seed in with_it.keys() & without.keys()})
    here, elsewhere = (_name(treated) for treated in (claim.treated, claim.elsewhere[0]))
    return f"gain in {claim.metric}: {here}, minus {elsewhere}", _difference(claim, group, gains[0], gains[1])


def _removal(claim: Claim, group: Group) -> tuple[str, PairedDifference]:
    removed = _mean([_values(group, arm, REMOVED_BOTH_F1) for arm in claim.treated])
    final = _mean([_values(group, arm, BOTH_F1) for arm in claim.treated])
    none = _mean([_values(group, arm, BOTH_F1) for arm in claim.control])
    return f"{BOTH_F1}: (removed - none) - 0.5 (final - none)", _removal_statistic(claim, group, removed, final, none)


def _keeps(claim: Claim, group: Group) -> tuple[str, PairedDifference]:
    removed = _mean([group.values(arm, REMOVED_MAJORITY_F1) for arm in claim.treated])
    kept = _mean([group.values(arm, MAJORITY_F1) for arm in claim.treated])
    return f"{MAJORITY_F1}: removed - kept", _difference(claim, group, removed, kept)


def _best(claim: Claim, group: Group) -> tuple[str, PairedDifference]:
    """The claimed arm against the rival that is hardest to beat: every one has to be beaten, none is chosen by test."""
    (treated,) = claim.treated
    rivals = claim.control or tuple(arm.name for arm in group.study.arms if arm.name != treated)
    values_of = {arm: group.values(arm, claim.metric) for arm in rivals}
    num_present = sum(bool(values) for values in values_of.values())
    if num_present < len(rivals):  # who beats those that happen to be there does not beat all
        present = f"{num_present} of {len(rivals)} others are there"
        return f"{claim.metric}: {treated} - every other; {present}", _difference(claim, group, {}, {})
    differences = {
        rival: _difference(claim, group, group.values(treated, claim.metric), values_of[rival]) for rival in rivals
    }
    hardest = _hardest(differences)
    return f"{claim.metric}: {treated} - {hardest} (the hardest to beat of {len(rivals)})", differences[hardest]


def _hardest(differences: Mapping[Cell, PairedDifference]) -> Cell:
    """Returns where a gain is the least shown: the one at or below 0 with certainty, if any is, else the lowest."""
    is_refuted = any(difference.high <= 0 for difference in differences.values())
    return min(differences, key=lambda cell: differences[cell].high if is_refuted else differences[cell].low)


def _spread(claim: Claim, group: Group) -> tuple[str, PairedDifference]:
    """Distance from the arm's median, control - treated: above 0 when treatment makes seeds agree (Brown-Forsythe)."""
    treated, control = (
        _mean([_distances(group.values(arm, claim.metric)) for arm in arms]) for arms in (claim.treated, claim.control)
    )
    return f"{claim.metric}: distance from the median, control - treated", _difference(claim, group, control, treated)


def _sooner(claim: Claim, group: Group) -> tuple[str, PairedDifference]:
    """Epochs until the metric first reaches GOOD_F1, control - treated; an arm that never does takes one more."""
    treated, control = (
        _mean([_epochs_to(group, arm, claim.metric) for arm in arms]) for arms in (claim.treated, claim.control)
    )
    return f"epochs until {claim.metric} >= {GOOD_F1}, control - treated", _difference(claim, group, control, treated)


def _values(group: Group, arm: str, metric: str) -> Values:
    """Returns {seed: value} of a metric that is recorded, or is worked out of recorded ones."""
    if metric == F1_AT_TRAINING_PREVALENCE:
        return f1_at_prevalence(group, arm)
    if metric not in F1_OF_ROLES:
        return group.values(arm, metric)
    return _mean(group.values(arm, of_role) for of_role in F1_OF_ROLES[metric])


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
    "every": _every,
    "contrast": _contrast,
    "removal": _removal,
    "keeps": _keeps,
    "best": _best,
    "spread": _spread,
    "sooner": _sooner,
}
