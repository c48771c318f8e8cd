import math

import pytest

from study.statistics import interval, paired_difference, widened


def test_interval_by_hand() -> None:
    # 1, 2, 3, 4: mean 2.5, sd 1.29099, t(0.975, 3) = 3.18245 -> half width 3.18245 * 1.29099 / 2 = 2.05427
    found = interval([1.0, 2.0, 3.0, 4.0])
    assert (found.mean, found.n) == (2.5, 4)
    assert found.half_width == pytest.approx(2.05426, abs=1e-4)


def test_undefined_values_are_left_out_and_one_value_has_no_interval() -> None:
    assert interval([1.0, math.nan, 3.0]).n == 2
    assert math.isnan(interval([1.0]).low)
    assert math.isnan(interval([]).mean)


def test_pairs_are_by_seed_and_the_sign_flip_p_is_exact() -> None:
    found = paired_difference({0: 1.0, 1: 2.0, 2: 4.0, 9: 9.0}, {2: 1.0, 1: 1.0, 0: 0.0})
    assert found.n == 3
    assert found.mean == pytest.approx(5 / 3)
    assert found.p == pytest.approx(2 / 8)  # 1, 1, 3: only +++ and --- are as far out, of 2^3 sign patterns


def test_no_difference_at_all() -> None:
    found = paired_difference({0: 1.0, 1: 1.0}, {0: 1.0, 1: 1.0})
    assert (found.mean, found.low, found.high, found.p) == (0, 0, 0, 1)


def test_intervals_over_redrawn_splits_are_wider_and_keep_their_mean() -> None:
    found = paired_difference({0: 0.5, 1: 0.7, 2: 0.6, 3: 0.9}, {0: 0.1, 1: 0.2, 2: 0.4, 3: 0.3})
    wide = widened(found, overlap=1 / 3)
    assert wide.mean == found.mean
    assert wide.half_width == pytest.approx(found.half_width * math.sqrt(1 + 4 / 3))
    assert math.isnan(wide.p)
    assert widened(found, 0.0) == found
