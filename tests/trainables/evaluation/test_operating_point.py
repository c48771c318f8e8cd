"""The threshold that a target asks for, and whether new images then meet it."""

import math
from pathlib import Path

import numpy as np
import pytest

from tests.support.records import make_record, write_runs
from trainables.common import ConfigurationError
from trainables.configuration import Configuration
from trainables.evaluation import (
    OperatingPoint,
    Target,
    UnreachableError,
    choose_operating_point,
    lead_of,
    point_of_counts,
    points_of_run,
)


def _draw(seed: int, rare: int = 72, frequent: int = 300) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    is_minority = np.arange(rare + frequent) < rare
    return rng.normal(2.0 * is_minority, 1.0), is_minority


def _share_that_meets(target: Target, true_recall: bool) -> float:
    """Of 300 thresholds, each chosen on images of its own, the share that meets the target on 20,000 others."""
    lead, is_minority = _draw(999, 4000, 16000)
    met = []
    for seed in range(300):
        validated, is_validated = _draw(seed)
        threshold = choose_operating_point(validated, is_validated, target, odds=4).threshold
        called = lead > threshold
        recall = (called & is_minority).sum() / is_minority.sum()
        precision = (called & is_minority).sum() / max(called.sum(), 1)
        met.append((recall if true_recall else precision) >= target.least)
    return float(np.mean(met))


def test_a_recall_is_met_on_other_images_with_the_confidence_that_is_said() -> None:
    assert _share_that_meets(Target("recall", 0.9), true_recall=True) > 0.93  # 95 % up to the noise of 300


def test_a_recall_that_is_just_reached_on_validation_would_be_missed_every_second_time() -> None:
    """The trap that the confidence avoids: the test above can fail."""
    lead, is_minority = _draw(999, 4000, 16000)
    met = []
    for seed in range(300):
        validated, is_validated = _draw(seed)
        rare = np.sort(validated[is_validated])
        met.append((lead[is_minority] > rare[len(rare) // 10 - 1]).mean() >= 0.9)
    assert np.mean(met) < 0.75


def test_a_precision_is_met_on_other_images_in_most_cases() -> None:
    assert _share_that_meets(Target("precision", 0.8), true_recall=False) > 0.85  # one of many thresholds is chosen


def test_59_rare_images_are_the_fewest_that_vouch_for_a_recall_of_95_percent() -> None:
    for rare, sure in ((58, False), (59, True)):
        lead, is_minority = _draw(0, rare)
        point = choose_operating_point(lead, is_minority, Target("recall", 0.95), odds=4)
        assert point.missed == 0  # the safest threshold in both cases
        assert point.confidence == pytest.approx(1 - 0.95**rare)
        assert (point.confidence >= 0.95) is sure


def test_a_recall_takes_the_fewest_alarms() -> None:
    lead, is_minority = _draw(3, 400)
    point = choose_operating_point(lead, is_minority, Target("recall", 0.8), odds=4)
    allowed = point.missed + 1  # one image more, and the confidence is gone
    from scipy.stats import binom

    assert binom.cdf(point.missed, 400, 0.2) <= 0.05 < binom.cdf(allowed, 400, 0.2)
    assert point.recall.value >= 0.8


def test_a_precision_that_no_threshold_reaches_is_refused_with_the_best_one() -> None:
    lead = np.array([0.0, 1.0, 2.0, 3.0, 4.0])
    is_minority = np.array([False, True, False, True, False])
    with pytest.raises(UnreachableError, match=r"the best precision is 0\.500, with 1 of 2 found") as caught:
        choose_operating_point(lead, is_minority, Target("precision", 0.9), odds=1.5)
    assert caught.value.best == pytest.approx(0.5)
    assert isinstance(caught.value, ConfigurationError)


def test_the_least_cost_is_that_of_all_thresholds() -> None:
    lead, is_minority = _draw(5)
    target = Target("cost", miss=10, alarm=1)
    point = choose_operating_point(lead, is_minority, target, odds=300 / 72)

    def cost(threshold: float) -> float:
        called = lead > threshold
        return float((10 * (is_minority & ~called).sum() + (called & ~is_minority).sum()) / len(lead))

    assert point.cost(target) == pytest.approx(min(map(cost, [-10.0, *lead])))
    cheap_alarms = choose_operating_point(lead, is_minority, Target("cost", miss=100, alarm=1), odds=300 / 72)
    assert cheap_alarms.found > point.found


def test_where_alarms_cost_more_than_all_misses_nothing_is_called_rare() -> None:
    lead, is_minority = _draw(5)
    lead[-1] = 100.0  # a frequent one has the highest score
    point = choose_operating_point(lead, is_minority, Target("cost", miss=1, alarm=1), odds=1e6)
    assert (point.found, point.alarms) == (0, 0)
    assert math.isnan(point.precision.value)


def test_a_prevalence_changes_precision_cost_and_f1_but_no_recall() -> None:
    even, rare = (OperatingPoint(0, found=90, missed=10, alarms=10, passed=90, odds=odds) for odds in (1, 999))
    assert even.precision.value == pytest.approx(0.9)
    assert even.f1 == pytest.approx(0.9)
    assert rare.precision.value == pytest.approx(0.9 / (0.9 + 999 * 0.1))  # prevalence 0.001
    assert rare.recall == even.recall
    target = Target("cost", miss=10, alarm=1)
    assert rare.cost(target) == pytest.approx((10 * 0.1 + 999 * 0.1) / 1000)
    assert 0 < rare.precision.low < rare.precision.value < rare.precision.high < 0.02


def test_intervals_lie_in_0_to_1_and_hold_the_value() -> None:
    for found, missed, alarms, passed in ((5, 0, 0, 20), (1, 4, 20, 0), (0, 5, 3, 2)):
        point = OperatingPoint(0, found, missed, alarms, passed, odds=4)
        for share in (point.recall, point.precision):
            assert 0 <= share.low <= share.value <= share.high <= 1


def test_classes_of_a_role_count_as_one() -> None:
    confusion = np.array([[50, 3, 2, 1], [4, 40, 0, 6], [1, 1, 7, 2], [0, 2, 3, 9]])  # two frequent, two rare classes
    point = point_of_counts(confusion, num_majority=2, odds=4)
    assert (point.found, point.missed, point.alarms, point.passed) == (7 + 2 + 3 + 9, 1 + 1 + 0 + 2, 2 + 1 + 0 + 6, 97)
    scores = np.array([[1.0, 0, 3, 2], [5, 1, 0, 4]])
    assert lead_of(scores, 2).tolist() == [2.0, -1.0]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"kind": "recall", "least": 0.0}, "above 0 and up to 1"),
        ({"kind": "precision", "least": 1.1}, "above 0 and up to 1"),
        ({"kind": "recall", "least": math.nan}, "above 0 and up to 1"),
        ({"kind": "cost", "miss": 0.0}, r"miss=0: a number above 0"),
        ({"kind": "cost", "alarm": -1.0}, r"alarm=-1: a number above 0"),
        ({"prevalence": 1.0}, "a share between 0 and 1"),
    ],
)
def test_numbers_outside_of_what_is_allowed_are_refused(arguments: dict[str, float], said: str) -> None:
    with pytest.raises(ConfigurationError, match=said):
        Target(**arguments)  # type: ignore[arg-type]


def test_a_run_is_judged_on_test_images_at_the_threshold_of_validation(tmp_path: Path) -> None:
    configuration = Configuration().replace({"data.test_majority": "all", "data.test_minority": "all"})
    scores = {"validation": [0.1, 0.4, 0.3, 0.9], "test": [0.35, 0.1, 0.5, 0.2]}  # leads; labels 0 0 1 1
    predictions: dict[str, np.ndarray] = {}
    for split, leads in scores.items():
        predictions |= {
            f"{split}/scores": np.stack([np.zeros(4), leads], axis=1).astype(np.float32),
            f"{split}/labels": np.array([0, 0, 1, 1]),
            f"{split}/positions": np.arange(4),
        }
    folder = write_runs(tmp_path, [make_record(configuration=configuration)], predictions)
    (record,) = folder.records("s")
    points = points_of_run(record, folder, Target("recall", 0.5))
    assert points is not None
    chosen, tested = points
    assert chosen.threshold == pytest.approx(0.2)  # two images vouch for nothing: both are found
    assert (tested.found, tested.missed, tested.alarms, tested.passed) == (1, 1, 1, 1)
    assert tested.meets(Target("recall", 0.5))
    assert not tested.meets(Target("recall", 0.6))
    assert tested.meets(Target()) is None
