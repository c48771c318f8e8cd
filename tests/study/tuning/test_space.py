"""The space of a search as the command line gives it, and the settings that all arms share."""

import pytest

from study.studies import Choice, Range
from study.tuning.space import parse_dimension, shared_design
from trainables.common import ConfigurationError
from trainables.configuration import Configuration

SPACE = (Range("optimiser.learning_rate", 1e-4, 1e-1, log=True), Choice("schedule.batch_size", (16, 32)))


def test_the_design_is_shared_and_nested_and_inside_the_space() -> None:
    few, many = shared_design(SPACE, 4), shared_design(SPACE, 10)
    assert many[:4] == few
    assert all(1e-4 <= s["optimiser.learning_rate"] <= 1e-1 and s["schedule.batch_size"] in (16, 32) for s in many)
    assert {s["schedule.batch_size"] for s in many} == {16, 32}
    assert sum(s["optimiser.learning_rate"] < 10**-2.5 for s in many) in (4, 5, 6)  # even over the logarithm


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("0.1..0.1", "empty range"),
        ("1..0.1", "empty range"),
        ("0..1", "0 < LOW < HIGH"),
        ("-1..1", "0 < LOW < HIGH"),
        ("a..b", r"LOW\.\.HIGH or A,B,C"),
    ],
)
def test_a_wrong_range_is_one_line(text: str, says: str) -> None:
    with pytest.raises(ConfigurationError, match=says):
        parse_dimension("learning_rate", text, Configuration())
    with pytest.raises(ConfigurationError, match="unknown field"):
        parse_dimension("learning_speed", "1..2", Configuration())
    with pytest.raises(ConfigurationError, match="focal_gamma: it tells arms apart"):
        parse_dimension("focal_gamma", "1,2", Configuration())
    assert parse_dimension("batch_size", "16,64", Configuration()) == Choice("schedule.batch_size", (16, 64))


def test_a_long_list_of_values_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="got 101 values; at most 100 are allowed"):
        parse_dimension("batch_size", ",".join(map(str, range(2, 103))), Configuration())
