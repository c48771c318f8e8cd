import math

import pytest
from scipy import stats

from study.answers import MeasuredShare
from study.answers.certainty import clopper_pearson
from study.evidence.statistics import Interval, interval, widened

OVERLAP = 1 / 3


def _share(values: list[float], photos: float, is_f1: bool = False) -> MeasuredShare:
    return MeasuredShare(widened(interval(values), OVERLAP), photos, OVERLAP, is_f1)


def test_the_exact_interval_is_that_of_scipy() -> None:
    for hits in (0, 3, 10):
        exact = stats.binomtest(hits, 10).proportion_ci()
        assert clopper_pearson(hits / 10, 10) == pytest.approx((exact.low, exact.high))


def test_seeds_that_agree_on_few_photos_are_not_sure() -> None:
    measured = _share([1.0] * 10, 25).interval
    assert (measured.mean, measured.high) == (1, 1)
    assert measured.low == pytest.approx(0.025 ** (1 / 25))  # of 25 right out of 25


def test_seeds_that_differ_are_less_sure_than_their_photos() -> None:
    values = [0.2, 0.9, 0.4, 1.0, 0.6, 0.8]
    measured, over_seeds = _share(values, 1000).interval, widened(interval(values), OVERLAP)
    assert measured.low == over_seeds.low
    assert over_seeds.high > 1
    assert measured.high == 1


def test_f1_is_bounded_through_the_share_that_it_is_made_of() -> None:
    found, wrong = 8, 4  # F1 = 16 / 20, J = 8 / 12
    low, high = stats.binomtest(found, found + wrong).proportion_ci()
    measured = _share([0.8] * 6, found + wrong, is_f1=True).interval
    assert (measured.low, measured.high) == pytest.approx((2 * low / (1 + low), 2 * high / (1 + high)))


def test_one_seed_has_the_interval_of_its_photos_and_no_seed_none() -> None:
    assert _share([0.5], 10).interval.low == pytest.approx(stats.binomtest(5, 10).proportion_ci().low)
    assert math.isnan(_share([], 10).interval.low)


def test_more_seeds_narrow_the_interval_as_measuring_them_would() -> None:
    values = [0.5, 0.7] * 3
    more = MeasuredShare(widened(interval(values), OVERLAP), 1e9, OVERLAP).with_seeds(20).over_seeds
    spread = stats.tstd(values)
    assert more.half_width == pytest.approx(stats.t.ppf(0.975, 19) * spread * math.sqrt(1 / 20 + OVERLAP))


def test_more_photos_until_the_interval_has_the_width() -> None:
    measured = _share([0.7, 0.8, 0.9, 0.8, 0.7, 0.9], 30)
    times = measured.times_photos_for(0.1)
    seeds, root = measured.over_seeds, math.sqrt(times)
    half = seeds.half_width / root
    more = MeasuredShare(Interval(seeds.mean, seeds.mean - half, seeds.mean + half, seeds.n), 30 * times, OVERLAP)
    assert more.interval.high - more.interval.low == pytest.approx(0.1)
    assert _share([1.0] * 10, 1000).times_photos_for(0.1) == 1
    assert math.isinf(_share([0.0, 1.0] * 5, 2).times_photos_for(0.001))
