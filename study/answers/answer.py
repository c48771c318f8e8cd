"""The answer to somebody's own question: which arm, how good it is, how sure that is, and does a final BN help? Pure.

The arm, and whether it decides as trained or at a threshold that validation chose, are chosen by the mean validation F1
of the rare role; test images tell how good the choice is. The final BN is judged beside each remedy alone (a weighted
loss, a logit-adjusted loss, the threshold of the untreated network), each at the learning rate that validation likes
best: it helps where it beats every one of them.

There is no verdict where fewer than FEWEST_SEEDS seeds ran or a seed tests fewer than FEWEST_RARE rare photos.
"""

import math
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from functools import reduce
from operator import add
from typing import Any, cast

from study.answers.certainty import TARGET_WIDTH, USUAL_SEEDS, MeasuredShare
from study.answers.decisions import AS_TRAINED, RECALIBRATED, Decisions, RunDecisions
from study.evidence import (
    FEWEST_SEEDS,
    MARGIN,
    NOT_REPRODUCED,
    REPRODUCED,
    UNDECIDED,
    Group,
    Interval,
    PairedDifference,
    decide,
)
from study.studies import ADJUSTED, FINAL, NONE, WEIGHTED_LOSS
from trainables.evaluation import Confusion

FEWEST_RARE = 10  # rare test photos of a seed
RIVALS = {WEIGHTED_LOSS: AS_TRAINED, ADJUSTED: AS_TRAINED, NONE: RECALIBRATED}  # method -> how it decides


@dataclass(frozen=True)
class Candidate:
    """An arm and the way it decides.

    Attributes:
        arm: its name in the study.
        method: what it does for the rare class, whatever its learning rate.
        way: AS_TRAINED or RECALIBRATED.
        validation_f1: mean over its seeds.
    """

    arm: str
    method: str
    way: str
    validation_f1: float


@dataclass(frozen=True)
class Comparison:
    """The final BN beside another remedy: F1 of the other, and what the final BN gains over it, on test images."""

    rival: Candidate
    f1: Interval
    gain: PairedDifference
    verdict: str  # REPRODUCED where the final BN is better


@dataclass(frozen=True)
class Surer:
    """What would make the F1 surer.

    Attributes:
        width: of its interval, now.
        seeds: more than now, that are worth running.
        width_with_seeds: what is expected of them.
        rare_photos: rare photos now.
        is_of_test: whether that and the numbers below are of test photos, as where the test photos are given; else of
            all that training, validation and test divide among them.
        more_rare_photos: for an interval of TARGET_WIDTH with those seeds; None where no number can be named.
        more_to_decide: rare photos that are missing for a verdict.
    """

    width: float
    seeds: int
    width_with_seeds: float
    rare_photos: int
    is_of_test: bool
    more_rare_photos: int | None
    more_to_decide: int


@dataclass(frozen=True)
class Answer:
    """What a practitioner takes from a group of runs. Every number but `chosen.validation_f1` is of test images.

    Attributes:
        rare: names of the rare classes; frequent: of the others.
        chosen: by validation.
        f1, recall, precision: of the rare role, mean over seeds with an interval in [0, 1].
        confusion: counts of all seeds together.
        seeds: of the chosen arm.
        best_seed: of those, the one with the best validation F1 as it decides.
        rare_tested: rare test photos of a seed, of the seed with the fewest.
        distinct_rare: different rare photos that any seed tests.
        final_norm: the best final BN on validation, as trained; None where none ran.
        final_norm_f1: its F1.
        comparisons: it beside each remedy that ran.
        too_little: what is too little to decide; empty where there is enough.
        surer: what would make it surer.
    """

    rare: tuple[str, ...]
    frequent: tuple[str, ...]
    chosen: Candidate
    f1: Interval
    recall: Interval
    precision: Interval
    confusion: Confusion
    seeds: tuple[int, ...]
    best_seed: int
    rare_tested: int
    distinct_rare: int
    final_norm: Candidate | None
    final_norm_f1: Interval | None
    comparisons: tuple[Comparison, ...]
    too_little: tuple[str, ...]
    surer: Surer

    @property
    def is_decided(self) -> bool:
        """Whether there is enough for a verdict."""
        return not self.too_little

    @property
    def final_norm_verdict(self) -> str:
        """REPRODUCED where the final BN beats all, NOT_REPRODUCED where one beats it, else UNDECIDED; "" for none."""
        verdicts = {comparison.verdict for comparison in self.comparisons}
        if self.too_little or not verdicts:
            return ""
        if verdicts == {REPRODUCED}:
            return REPRODUCED
        return NOT_REPRODUCED if NOT_REPRODUCED in verdicts else UNDECIDED

    @property
    def final_norm_is_alike(self) -> bool:
        """Whether every difference between the final BN and the others is known to be smaller than MARGIN."""
        gains = [comparison.gain for comparison in self.comparisons]
        return bool(gains) and all(gain.low > -MARGIN and gain.high < MARGIN for gain in gains)

    def as_data(self) -> dict[str, Any]:
        """Returns all of it as plain values for JSON; what is undefined is None."""
        data = {
            **asdict(self),
            "final_norm_verdict": self.final_norm_verdict,
            "chosen_by": "mean validation F1",
        }
        return cast("dict[str, Any]", _plain(data))


def answer_from(group: Group, decisions: Decisions) -> Answer | None:
    """Returns the answer of a group's runs; None where no run has validation and test images of the rare role."""
    arms = _arms(group, decisions)
    candidates = [candidate for arm in arms for candidate in _candidates(group, arm, decisions)]
    if not candidates:
        return None
    chosen = max(candidates, key=lambda candidate: candidate.validation_f1)  # of equal ones the first declared
    runs = decisions[chosen.arm][chosen.way]
    data = group.configuration(chosen.arm).data
    rare, taken = _together(run.rare for run in runs.values()), _together(run.taken for run in runs.values())
    f1 = MeasuredShare(group.interval_over(_f1(runs).values()), len(rare | taken), group.overlap, is_f1=True)
    recall = MeasuredShare(group.interval_over(run.test.recall for run in runs.values()), len(rare), group.overlap)
    precision = MeasuredShare(
        group.interval_over(run.test.precision for run in runs.values()), len(taken), group.overlap
    )
    rare_tested = min(run.test.rare for run in runs.values())
    final_norm = _best(candidates, FINAL, AS_TRAINED)
    return Answer(
        rare=data.minority,
        frequent=data.majority,
        chosen=chosen,
        f1=f1.interval,
        recall=recall.interval,
        precision=precision.interval,
        confusion=reduce(add, (run.test for run in runs.values())),
        seeds=tuple(sorted(runs)),
        best_seed=max(sorted(runs), key=lambda seed: _or_least(runs[seed].validation_f1)),
        rare_tested=rare_tested,
        distinct_rare=len(rare),
        final_norm=final_norm,
        final_norm_f1=None
        if final_norm is None
        else _share_of(group, decisions[final_norm.arm][final_norm.way]).interval,
        comparisons=() if final_norm is None else tuple(_comparisons(group, final_norm, candidates, decisions)),
        too_little=tuple(_too_little(len(runs), rare_tested)),
        surer=_surer(f1, rare_tested, data.test_minority if group.overlap else None),
    )


def _arms(group: Group, decisions: Decisions) -> list[str]:
    """Returns the arms with runs, in the order of the study, on the same classes as the first of them."""
    present = [arm.name for arm in group.study.arms if arm.name in decisions]
    alike = group.arms_on_same_classes(present[0]) if present else []
    return [arm for arm in present if arm in alike]


def _candidates(group: Group, arm: str, decisions: Decisions) -> Iterable[Candidate]:
    method = group.study.arm(arm).method
    for way, runs in decisions[arm].items():
        defined = [run.validation_f1 for run in runs.values() if not math.isnan(run.validation_f1)]
        if defined and all(run.test.rare for run in runs.values()):
            yield Candidate(arm, method, way, sum(defined) / len(defined))


def _best(candidates: Iterable[Candidate], method: str, way: str) -> Candidate | None:
    """Returns the arm of a method that validation likes best, such as the better of two learning rates."""
    of_method = [candidate for candidate in candidates if (candidate.method, candidate.way) == (method, way)]
    return max(of_method, key=lambda candidate: candidate.validation_f1, default=None)


def _comparisons(
    group: Group, final_norm: Candidate, candidates: list[Candidate], decisions: Decisions
) -> Iterable[Comparison]:
    treated = decisions[final_norm.arm][final_norm.way]
    for method, way in RIVALS.items():
        rival = _best(candidates, method, way)
        if rival is not None:
            control = decisions[rival.arm][rival.way]
            gain = group.gain_over(_f1(treated), _f1(control))
            verdict, _ = decide(gain)
            yield Comparison(rival, _share_of(group, control).interval, gain, verdict)


def _share_of(group: Group, runs: Mapping[int, RunDecisions]) -> MeasuredShare:
    """Returns the F1 of runs."""
    photos = _together(run.rare | run.taken for run in runs.values())
    return MeasuredShare(group.interval_over(_f1(runs).values()), len(photos), group.overlap, is_f1=True)


def _f1(runs: Mapping[int, RunDecisions]) -> dict[int, float]:
    return {seed: run.test.f1 for seed, run in runs.items()}


def _or_least(f1: float) -> float:
    return -1.0 if math.isnan(f1) else f1


def _together(sets: Iterable[frozenset[int]]) -> frozenset[int]:
    return frozenset().union(*sets)


def _too_little(num_seeds: int, rare_tested: int) -> Iterable[str]:
    if num_seeds < FEWEST_SEEDS:
        yield f"{num_seeds} seed{'' if num_seeds == 1 else 's'} where {FEWEST_SEEDS} are needed"
    if rare_tested < FEWEST_RARE:
        yield f"{rare_tested} rare test photos a seed where {FEWEST_RARE} are needed"


def _surer(f1: MeasuredShare, rare_tested: int, asked: object) -> Surer:
    """Returns what would make an F1 surer.

    Args:
        f1: what is measured.
        rare_tested: rare test photos of a seed.
        asked: which share of the rare photos tests; None or a whole number where that is not a share of all.
    """
    num_seeds = f1.over_seeds.n
    seeds = USUAL_SEEDS if num_seeds < USUAL_SEEDS else 2 * num_seeds
    more = f1.with_seeds(seeds)
    share = asked if isinstance(asked, float) else 1.0  # of the rare photos that test; of a fixed number all
    rare_photos = round(rare_tested / share)
    times = f1.with_seeds(max(num_seeds, USUAL_SEEDS)).times_photos_for(TARGET_WIDTH)
    return Surer(
        width=f1.interval.high - f1.interval.low,
        seeds=seeds,
        width_with_seeds=more.interval.high - more.interval.low if num_seeds > 1 else math.nan,
        rare_photos=rare_photos,
        is_of_test=not isinstance(asked, float),
        more_rare_photos=None if math.isinf(times) else math.ceil(rare_photos * (times - 1)),
        more_to_decide=max(0, math.ceil(FEWEST_RARE / share) - rare_photos),
    )


def _plain(value: object) -> object:
    if isinstance(value, dict):
        return {name: _plain(each) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(each) for each in value]
    return None if isinstance(value, float) and math.isnan(value) else value
