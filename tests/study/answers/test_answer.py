"""The answer to somebody's own question, from made-up decisions."""

import dataclasses
import json
from collections.abc import Mapping

import pytest

from study.answers import AS_TRAINED, RECALIBRATED, Answer, RunDecisions, answer_from
from study.evidence import NOT_REPRODUCED, REPRODUCED, UNDECIDED, Group, group_records
from study.studies import find
from tests.support.records import make_records
from trainables.evaluation import Confusion

SEEDS = range(6)
RARE, FREQUENT = 20, 100
NONE, WEIGHTED, FINAL, ADJUSTED = (
    f"{method}, rate 0.001" for method in ("none", "weighted loss", "final BN", "logit adjustment")
)


def _group(seeds: int = len(SEEDS)) -> Group:
    (study,) = find(["images"])
    (group,) = group_records(study, make_records(study, seeds=range(seeds)))
    return group


def _runs(validation_f1: float, found: int, seeds: int = len(SEEDS), rare: int = RARE) -> dict[int, RunDecisions]:
    """Of seeds that find one more or less in turn, with one false alarm each."""
    runs = {}
    for seed in range(seeds):
        now = found - seed % 2
        photos = frozenset(range(seed * rare, (seed + 1) * rare))
        runs[seed] = RunDecisions(validation_f1, Confusion(now, rare, 1, FREQUENT), photos, photos)
    return runs


def _answer(ways: Mapping[str, dict[str, dict[int, RunDecisions]]], seeds: int = len(SEEDS)) -> Answer:
    answer = answer_from(_group(seeds), ways)
    assert answer is not None
    return answer


def test_validation_chooses_and_test_only_tells() -> None:
    answer = _answer({NONE: {AS_TRAINED: _runs(0.6, 20)}, WEIGHTED: {AS_TRAINED: _runs(0.7, 10)}})
    assert (answer.chosen.arm, answer.chosen.way) == (WEIGHTED, AS_TRAINED)
    assert answer.confusion == Confusion(3 * 10 + 3 * 9, 6 * RARE, 6, 6 * FREQUENT)
    assert answer.recall.mean == pytest.approx((10 + 9) / 2 / RARE)
    assert answer.distinct_rare == 6 * RARE


def test_of_equals_the_simpler_is_chosen() -> None:
    runs = _runs(0.7, 10)
    ways = {FINAL: {AS_TRAINED: runs}, NONE: {AS_TRAINED: runs, RECALIBRATED: runs}}
    assert (_answer(ways).chosen.arm, _answer(ways).chosen.way) == (NONE, AS_TRAINED)


@pytest.mark.parametrize(
    ("found", "verdict"),
    [
        ({WEIGHTED: 10, ADJUSTED: 8, NONE: 6}, REPRODUCED),  # ahead of every one
        ({WEIGHTED: 10, ADJUSTED: 18, NONE: 6}, UNDECIDED),  # level with one of them
        ({WEIGHTED: 10, ADJUSTED: 20, NONE: 6}, NOT_REPRODUCED),  # behind one of them
        ({}, ""),  # nothing to be compared with
    ],
)
def test_a_final_bn_helps_where_it_beats_every_other_remedy(found: dict[str, int], verdict: str) -> None:
    ways = {arm: {RECALIBRATED if arm == NONE else AS_TRAINED: _runs(0.5, number)} for arm, number in found.items()}
    level = {
        seed: dataclasses.replace(run, test=Confusion(18 - seed % 3, RARE, 1, FREQUENT))
        for seed, run in _runs(0.6, 18).items()
    }  # fmt: skip  not the same up and down as the others
    answer = _answer({FINAL: {AS_TRAINED: level}, **ways})
    assert answer.final_norm_verdict == verdict
    assert [comparison.rival.arm for comparison in answer.comparisons] == list(found)


def test_each_remedy_is_judged_at_the_rate_that_validation_likes_best() -> None:
    fast = FINAL.replace("0.001", "0.003")
    ways = {FINAL: {AS_TRAINED: _runs(0.5, 20)}, fast: {AS_TRAINED: _runs(0.6, 10)}}
    answer = _answer(ways)
    assert answer.final_norm is not None
    assert answer.final_norm.arm == fast


@pytest.mark.parametrize(
    ("seeds", "rare", "reasons"),
    [
        (6, 10, ()),
        (5, 10, ("5 seeds where 6 are needed",)),
        (6, 9, ("9 rare test photos a seed where 10 are needed",)),
        (1, 9, ("1 seed where 6 are needed", "9 rare test photos a seed where 10 are needed")),
    ],
)
def test_too_little_to_decide(seeds: int, rare: int, reasons: tuple[str, ...]) -> None:
    ways = {
        FINAL: {AS_TRAINED: _runs(0.9, 8, seeds, rare)},
        NONE: {RECALIBRATED: _runs(0.5, 2, seeds, rare)},
    }
    answer = _answer(ways, seeds)
    assert answer.too_little == reasons
    assert answer.is_decided == (not reasons)
    assert answer.final_norm_verdict == ("" if reasons else REPRODUCED)


def test_what_would_make_it_surer() -> None:
    surer = _answer({NONE: {AS_TRAINED: _runs(0.6, 8, 2, 9)}}, 2).surer
    assert (surer.seeds, surer.rare_photos, surer.more_to_decide) == (10, 45, 5)  # a fifth of 50 is 10
    assert surer.more_rare_photos is not None
    assert surer.more_rare_photos > 5
    assert not surer.is_of_test


def test_intervals_lie_between_0_and_1_and_all_is_json() -> None:
    answer = _answer({FINAL: {AS_TRAINED: _runs(0.6, 20)}, NONE: {RECALIBRATED: _runs(0.5, 1)}})
    for measured in (answer.f1, answer.recall, answer.precision, *(each.f1 for each in answer.comparisons)):
        assert 0 <= measured.low <= measured.mean <= measured.high <= 1
    data = json.loads(json.dumps(answer.as_data(), allow_nan=False))
    assert data["chosen"]["arm"] == FINAL
    assert data["final_norm_verdict"] == REPRODUCED


def test_without_a_rare_test_image_there_is_no_answer() -> None:
    runs = {0: RunDecisions(0.5, Confusion(0, 0, 1, 9), frozenset(), frozenset())}
    assert answer_from(_group(1), {NONE: {AS_TRAINED: runs}}) is None
