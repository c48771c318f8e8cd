import pytest

from study.claims import NOT_REPRODUCED, REPRODUCED, UNDECIDED, judge
from study.declaration import MINORITY_F1, REMOVED_MINORITY_F1, Arm, Claim, Pair, Study
from study.groups import AS_DECLARED, Group, group
from trainables.configuration import Configuration
from trainables.records import Record

NONE = Arm("none", Configuration())
FINAL = Arm("final", Configuration().replace({"network.final_norm": "batch"}))
OTHER = Arm("other", Configuration().replace({"loss.class_weights": "inverse"}))
STUDY = Study("s", "", "", (NONE, FINAL, OTHER), (Pair("p", "final", "none"),), ())


def _record(arm: Arm, seed: int, configuration: Configuration | None = None, **metrics: float) -> Record:
    names = {"f1": MINORITY_F1, "removed": REMOVED_MINORITY_F1}
    configuration = configuration or arm.configuration
    return Record(
        study="s", arm=arm.name, key=configuration.key, seed=seed, status="complete",
        configuration=configuration.flat(), data_fingerprint="", seconds=0, finished_at="", device="cpu",
        history={names[name]: [value] for name, value in metrics.items()},
    )  # fmt: skip


def _group(none: list[float], final: list[float], removed: list[float], other: list[float] | None = None) -> Group:
    records = [_record(NONE, seed, f1=value) for seed, value in enumerate(none)]
    records += [_record(FINAL, seed, f1=f, removed=r) for seed, (f, r) in enumerate(zip(final, removed, strict=True))]
    records += [_record(OTHER, seed, f1=value) for seed, value in enumerate(other or [])]
    (found,) = group(STUDY, records)
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
        ([0.1], [0.9], UNDECIDED),  # one seed decides nothing
        ([0.5, 0.5], [0.5, 0.5], NOT_REPRODUCED),  # no difference at all is not a gain
    ],
)
def test_gain(none: list[float], final: list[float], verdict: str) -> None:
    assert judge(GAIN, _group(none, final, final)).verdict == verdict


def test_removal_asks_for_half_of_the_gain() -> None:
    # seed 0: (0.6 - 0) - 0.5 * 0.8 = 0.2;  seed 1: (0.5 - 0.1) - 0.5 * 0.8 = 0
    found = judge(REMOVAL, _group([0.0, 0.1], [0.8, 0.9], [0.6, 0.5]))
    assert found.difference.mean == pytest.approx(0.1)
    assert judge(REMOVAL, _group([0.0, 0.0, 0.0], [0.8, 0.8, 0.8], [0.7, 0.7, 0.71])).verdict == REPRODUCED
    assert judge(REMOVAL, _group([0.0, 0.0, 0.0], [0.8, 0.8, 0.8], [0.1, 0.1, 0.11])).verdict == NOT_REPRODUCED


def test_best_is_against_the_best_other_arm() -> None:
    found = judge(BEST, _group([0.1, 0.1], [0.8, 0.7], [0, 0], other=[0.9, 0.9]))
    assert "final - other" in found.statistic
    assert found.difference.mean == pytest.approx(-0.15)


def test_variants_do_not_mix() -> None:
    faster = {"optimiser.learning_rate": 0.01}
    records = [_record(arm, 0, f1=0.5) for arm in (NONE, FINAL)]
    records += [_record(arm, 0, arm.configuration.replace(faster), f1=0.9) for arm in (NONE, FINAL)]
    found = group(STUDY, records)
    assert [its.label for its in found] == [AS_DECLARED, "optimiser.learning_rate=0.01"]
    assert [its.values("final", MINORITY_F1) for its in found] == [{0: 0.5}, {0: 0.9}]


def test_failed_runs_and_undeclared_arms_are_left_out() -> None:
    failed = _record(NONE, 0, f1=1.0).model_copy(update={"status": "failed"})
    assert group(STUDY, [failed, _record(Arm("gone", Configuration()), 0, f1=1.0)]) == []
