"""Intervals of an F1 are drawn from 0 to 1, whatever Student says."""

import pytest
from matplotlib.collections import LineCollection

from study.evidence import Interval, group_records
from study.reporting.figures.arms import f1_per_arm
from study.reporting.figures.style import bounds
from study.studies import find
from tests.support.records import make_records
from trainables.evaluation import MINORITY_F1


@pytest.mark.parametrize(
    ("low", "high", "least", "drawn"),
    [(0.9, 1.02, 0.0, (0.9, 1.0)), (-0.1, 0.2, 0.0, (0.0, 0.2)), (-1.3, 0.2, -1.0, (-1.0, 0.2))],
)
def test_the_ends_are_what_an_f1_can_be(low: float, high: float, least: float, drawn: tuple[float, float]) -> None:
    assert bounds(Interval((low + high) / 2, low, high, 2), least) == drawn


def test_no_arm_reaches_beyond_one() -> None:
    (study,) = find(["figure1"])
    records = make_records(study, metrics=lambda arm, seed: {MINORITY_F1: 0.9 + 0.1 * seed})  # 0.95 ± 0.64
    (group,) = group_records(study, records)
    figure = f1_per_arm(group, lambda arm: None)
    assert figure is not None
    bars = [line for line in figure.axes[0].collections if isinstance(line, LineCollection)]
    assert [bar.get_segments()[0][:, 0].max() for bar in bars] == [1.0, 1.0]
