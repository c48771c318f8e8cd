import math

import pytest

from study.evidence import Interval
from study.reporting.tables import show
from study.reporting.tables.cells import show_number


@pytest.mark.parametrize(
    ("interval", "text"),
    [
        (Interval(0.8888, 0.8768, 0.9008, 10), "0.889 ± 0.012"),
        (Interval(0.5, math.nan, math.nan, 1), "0.500"),  # one seed has no interval
        (Interval(math.nan, math.nan, math.nan, 0), "-"),
    ],
)
def test_an_interval_is_a_mean_and_half_a_width(interval: Interval, text: str) -> None:
    assert show(interval) == text


@pytest.mark.parametrize(("value", "text"), [(None, ""), (math.nan, "-"), (0.98765, "0.988"), (0.9, "0.9")])
def test_a_number_that_is_not_there_is_not_one_that_is_undefined(value: float | None, text: str) -> None:
    assert show_number(value) == text
