import pytest

from study.evidence import NOT_JUDGED, NOT_REPRODUCED, REPRODUCED, TOO_FEW, UNDECIDED, judge
from study.evidence.groups import AS_DECLARED, Group, group_records
from study.studies.declaration import Arm, Claim, Pair, Study
from trainables.configuration import Configuration
from trainables.evaluation import MAJORITY_F1, MINORITY_F1, REMOVED_MAJORITY_F1, REMOVED_MINORITY_F1
from trainables.storage.record import Record

NONE = Arm("none", Configuration())
FINAL = Arm("final", Configuration().replace({"network.final_norm": "batch"}))
OTHER = Arm("other", Configuration().replace({"loss.class_weights": "inverse"}))
STUDY = Study("s", "", "", (NONE, FINAL, OTHER), (Pair("p", "final", "none"),), ())


def _record(arm: Arm, seed: int, configuration: Configuration | None = None, **metrics: float) -> Record:
    names = {"f1": MINORITY_F1, "removed": REMOVED_MINORITY_F1}
    configuration = configuration or arm.configuration
    majority = {MAJORITY_F1: [0.9], REMOVED_MAJORITY_F1: [0.9]}
    return Record(
        study="s", arm=arm.name, key=configuration.key, seed=seed, status="complete",
        configuration=configuration.flat(), data_fingerprint="", seconds=0, finished_at="", device="cpu",
        history={**majority, **{names[name]: [value] for name, value in metrics.items()}},
    )  # fmt: skip


def _group(none: list[float], final: list[float], removed: list[float], other: list[float] | None = None) -> Group:
    records = [_record(NONE, seed, f1=value) for seed, value in enumerate(none)]
    records += [_record(FINAL, seed, f1=f, removed=r) for seed, (f, r) in enumerate(zip(final, removed, strict=True))]
    records += [_record(OTHER, seed, f1=value) for seed, value in enumerate(other or [])]
    (found,) = group_records(STUDY, records)
    return found


GAIN = Claim("H0", "", "gain", ("final",), ("none",))
REMOVAL = Claim("H1", "", "removal", ("final",), ("none",))
BEST = Claim("best", "", "best", ("final",))


@pytest.mark.parametrize(
    ("none", "final", "verdict"),
    [
        ([0.1, 0.2, 0.1], [0.9, 0.8, 0.9], REPRODUCED),
        ([0.9, 0.8, 0.9], [0.1, 0.2, 0.1], NOT_REPRODUCED),
        ([0.1, 0.9, 0.1], [0.9, 0.1, 0.2], UNDECIDED),
        ([0.1], [0.9], TOO_FEW),  # one seed decides nothing
        ([0.5, 0.5], [0.5, 0.5], NOT_REPRODUCED),  # no difference at all is not a gain
    ],
)
def test_gain(none: list[float], final: list[float], verdict: str) -> None:
    times = 3 if len(none) > 1 else 1
    assert judge(GAIN, _group(none * times, final * times, final * times)).verdict == verdict


def test_fewer_than_six_seeds_decide_nothing() -> None:
    five, six = (judge(GAIN, _group([0.1] * n, [0.9] * n, [0.9] * n)) for n in (5, 6))
    assert (five.verdict, five.reason) == (TOO_FEW, "5 seeds; at least 6 are needed")
    assert six.verdict == REPRODUCED


def test_removal_asks_for_half_of_the_gain() -> None:
    # the majority's F1 is 0.9, so the means of both roles differ by half as much
    # seed 0: ((0.6 - 0) - 0.5 * 0.8) / 2 = 0.1;  seed 1: ((0.5 - 0.1) - 0.5 * 0.8) / 2 = 0
    found = judge(REMOVAL, _group([0.0, 0.1], [0.8, 0.9], [0.6, 0.5]))
    assert found.difference.mean == pytest.approx(0.05)
    assert judge(REMOVAL, _group([0.0] * 6, [0.8] * 6, [0.7] * 5 + [0.71])).verdict == REPRODUCED
    assert judge(REMOVAL, _group([0.0] * 6, [0.8] * 6, [0.1] * 5 + [0.11])).verdict == NOT_REPRODUCED


@pytest.mark.parametrize(
    ("majority", "verdict"),
    [([0.88, 0.89] * 3, REPRODUCED), ([0.5, 0.6] * 3, NOT_REPRODUCED), ([0.7, 0.95] * 3, UNDECIDED)],
)
def test_what_the_majority_loses_by_removal_is_judged_apart(majority: list[float], verdict: str) -> None:
    claim = Claim("H1b", "", "keeps", ("final",), ("none",))
    group = _group([0.1] * 6, [0.8] * 6, [0.8] * 6)
    for seed, record in group.records["final"].items():
        history = {**record.history, REMOVED_MAJORITY_F1: [majority[seed]]}
        group.records["final"][seed] = record.model_copy(update={"history": history})
    assert judge(claim, group).verdict == verdict


def test_an_arm_that_tells_nothing_apart_is_not_judged() -> None:
    """Always "rare" has a minority F1 of 0.667 where the control, which finds none, has 0."""
    group = _group([0.0] * 6, [0.667] * 6, [0.667] * 6)
    assert judge(GAIN, group).verdict == REPRODUCED
    blind = {"test/recall/8": [1.0], "test/recall/others": [0.0]}
    for seed, record in group.records["final"].items():
        group.records["final"][seed] = record.model_copy(update={"history": {**record.history, **blind}})
    found = judge(GAIN, group)
    assert (found.verdict, found.reason) == (NOT_JUDGED, "balanced accuracy is not above chance: final (0.50)")
    assert found.difference.mean == pytest.approx(0.667)


@pytest.mark.parametrize(
    ("final", "verdict"),
    [([0.52, 0.51, 0.50], REPRODUCED), ([0.1, 0.2, 0.1], REPRODUCED), ([0.8, 0.81, 0.8], NOT_REPRODUCED),
     ([0.5, 0.6, 0.5], UNDECIDED)],
)  # fmt: skip
def test_no_gain_is_one_sided(final: list[float], verdict: str) -> None:
    claim = Claim("C3", "", "no gain", ("final",), ("none",))
    assert judge(claim, _group([0.5] * 6, final * 2, final * 2)).verdict == verdict


def test_best_of_all_is_not_decided_while_some_are_missing() -> None:
    found = judge(BEST, _group([0.1] * 6, [0.8] * 6, [0] * 6))
    assert found.verdict == TOO_FEW
    assert "1 of 2 others are there" in found.statistic


def test_the_best_has_to_beat_every_rival() -> None:
    beaten = judge(BEST, _group([0.1] * 6, [0.8, 0.7] * 3, [0] * 6, other=[0.9] * 6))
    assert "final - other (the hardest to beat of 2)" in beaten.statistic
    assert beaten.difference.mean == pytest.approx(-0.15)
    assert beaten.verdict == NOT_REPRODUCED
    # the rival with the best mean is far behind; another varies so much that it is not shown to be
    noisy = judge(BEST, _group([0.0, 0.9] * 3, [0.95, 0.9] * 3, [0] * 6, other=[0.6] * 6))
    assert "final - none" in noisy.statistic
    assert noisy.verdict == UNDECIDED


def test_variants_do_not_mix() -> None:
    faster = {"optimiser.learning_rate": 0.01}
    records = [_record(arm, 0, f1=0.5) for arm in (NONE, FINAL)]
    records += [_record(arm, 0, arm.configuration.replace(faster), f1=0.9) for arm in (NONE, FINAL)]
    found = group_records(STUDY, records)
    assert [its.label for its in found] == [AS_DECLARED, "optimiser.learning_rate=0.01"]
    assert [its.values("final", MINORITY_F1) for its in found] == [{0: 0.5}, {0: 0.9}]


def test_failed_runs_and_undeclared_arms_are_left_out() -> None:
    failed = _record(NONE, 0, f1=1.0).model_copy(update={"status": "failed"})
    gone = Arm("gone", Configuration().replace({"optimiser.learning_rate": 0.02}))
    assert group_records(STUDY, [failed, _record(gone, 0, f1=1.0)]) == []


def test_an_arm_that_a_change_made_into_a_declared_one_counts_as_that() -> None:
    (found,) = group_records(STUDY, [_record(NONE, 0, OTHER.configuration, f1=0.7)])
    assert (found.label, found.values("other", MINORITY_F1)) == (AS_DECLARED, {0: 0.7})


def test_a_group_has_the_configuration_of_its_records() -> None:
    sigmoid = NONE.configuration.replace({"network.output": "sigmoid", "loss.name": "bce"})
    (found,) = group_records(STUDY, [_record(NONE, 0, sigmoid, f1=0.7)])
    assert found.configuration("none") == sigmoid
    assert found.configuration("final") == FINAL.configuration  # no record: as declared


def _record_with(arm: Arm, seed: int, **history: list[float]) -> Record:
    names = {"f1": MINORITY_F1, "removed": REMOVED_MINORITY_F1}
    record = _record(arm, seed)
    return record.model_copy(update={"history": {names[name]: values for name, values in history.items()}})


@pytest.mark.parametrize(
    ("final", "verdict"),
    [
        ([0.50, 0.51, 0.49], REPRODUCED),  # within 0.05 of none = 0.5 as a whole
        ([0.60, 0.61, 0.59], NOT_REPRODUCED),  # wholly 0.05 or more above
        ([0.40, 0.41, 0.39], NOT_REPRODUCED),  # or below: a harm is an effect too
        ([0.50, 0.60, 0.40], UNDECIDED),
        ([0.5], TOO_FEW),
    ],
)
def test_no_effect(final: list[float], verdict: str) -> None:
    claim = Claim("H6", "", "no effect", ("final",), ("none",))
    final = final * 2
    assert judge(claim, _group([0.5] * len(final), final, final)).verdict == verdict


def test_spread_compares_distances_from_the_median() -> None:
    claim = Claim("H4", "", "spread", ("final",), ("none",))
    # none: median 0.5, distances 0.4 0 0.4 0.2 0.2; final: median 0.9, distances all below 0.02
    found = judge(claim, _group([0.1, 0.5, 0.9, 0.3, 0.7] * 2, [0.9, 0.9, 0.91, 0.89, 0.9] * 2, [0] * 10))
    assert found.difference.mean == pytest.approx((0.4 + 0 + 0.4 + 0.2 + 0.2) / 5 - 0.02 / 5)
    assert found.verdict == REPRODUCED


def test_sooner_counts_epochs_to_a_good_f1() -> None:
    claim = Claim("C2", "", "sooner", ("final",), ("none",))
    slow = [_record_with(NONE, seed, f1=[0.0, 0.5, 0.85]) for seed in (0, 1)]  # epoch 3
    never = [_record_with(NONE, 2, f1=[0.0, 0.0, 0.0])]  # one more than there are: 4
    quick = [_record_with(FINAL, seed, f1=[0.8, 0.2, 0.2], removed=[0, 0, 0]) for seed in (0, 1, 2)]  # epoch 1
    (found,) = group_records(STUDY, slow + never + quick)
    assert judge(claim, found).difference.mean == pytest.approx((2 + 2 + 3) / 3)


def test_several_cells_are_averaged_seed_by_seed() -> None:
    claim = Claim("H2", "", "gain", ("final", "other"), ("none", "none"))
    found = judge(claim, _group([0.1, 0.2], [0.5, 0.5], [0, 0], other=[0.3, 0.9]))
    # seed 0: (0.5 + 0.3) / 2 - 0.1 = 0.3; seed 1: (0.5 + 0.9) / 2 - 0.2 = 0.5
    assert found.difference.mean == pytest.approx(0.4)


def test_a_claim_without_its_arms_has_too_few_seeds() -> None:
    claim = Claim("H0", "", "gain", ("absent",), ("none",))
    found = judge(claim, _group([0.1], [0.5], [0]))
    assert (found.verdict, found.difference.n) == (TOO_FEW, 0)


@pytest.mark.parametrize("name", ["gain", "best"])
def test_another_metric_can_be_claimed(name: str) -> None:
    claim = Claim("C1", "", "gain" if name == "gain" else "best", ("final",), ("none",), REMOVED_MINORITY_F1)
    assert judge(claim, _group([0.1, 0.1], [0.5, 0.5], [0.7, 0.7])).difference.n in (0, 2)


def test_a_gain_in_every_pair_is_one_in_the_least() -> None:
    every = Claim("H2", "", "every", ("final", "other"), ("none", "none"))
    found = judge(every, _group([0.1, 0.2] * 4, [0.9, 0.8] * 4, [0.5] * 8, [0.2, 0.35] * 4))
    assert "other - none (the least of 2)" in found.statistic
    assert found.statistic.endswith("above 0.05 up to other (95 %: other to other)")
    assert found.verdict == REPRODUCED
    assert found.difference.mean == pytest.approx(0.125)
    refuted = judge(every, _group([0.1, 0.2] * 4, [0.9, 0.8] * 4, [0.5] * 8, [0.0, 0.1] * 4))
    assert refuted.verdict == NOT_REPRODUCED
    assert refuted.statistic.endswith("above 0.05 up to final (95 %: final to final)")
    assert judge(every, _group([0.1, 0.2] * 4, [0.9, 0.8] * 4, [0.5] * 8)).verdict == TOO_FEW  # one pair is not there


def test_a_contrast_is_the_gain_here_minus_the_gain_elsewhere() -> None:
    contrast = Claim("H2", "", "contrast", ("final",), ("none",), elsewhere=(("other",), ("none",)))
    found = judge(contrast, _group([0.1, 0.2] * 4, [0.9, 0.8] * 4, [0.5] * 8, [0.2, 0.35] * 4))
    assert found.difference.mean == pytest.approx((0.8 + 0.6) / 2 - (0.1 + 0.15) / 2)
    assert found.verdict == REPRODUCED
    same = judge(contrast, _group([0.1, 0.2] * 4, [0.9, 0.8] * 4, [0.5] * 8, [0.9, 0.8] * 4))
    assert same.verdict == NOT_REPRODUCED
