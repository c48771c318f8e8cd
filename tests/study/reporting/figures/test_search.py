"""The figures of a search: what is drawn, and when there is nothing to draw."""

import numpy as np
import pytest

from study.evidence import SearchResult, Setting
from study.reporting.figures import search_figures
from study.studies import FINAL, NONE, Choice, Dimension, Range, Values

RATE, SIZE = Range("optimiser.learning_rate", 1e-4, 1e-1, log=True), Choice("schedule.batch_size", (16, 32))
DESIGN: list[Values] = [
    {"optimiser.learning_rate": 0.001, "schedule.batch_size": 16},
    {"optimiser.learning_rate": 0.01, "schedule.batch_size": 32},
]


def _search(scores: dict[str, list[tuple[float, ...]]], space: tuple[Dimension, ...] = (RATE, SIZE)) -> SearchResult:
    settings = {
        arm: [Setting(DESIGN[place], place, "complete", score) for place, score in enumerate(scores_of_arm)]
        for arm, scores_of_arm in scores.items()
    }
    objectives = ("minority_f1", "latency")[: len(scores[NONE][0])]
    return SearchResult({}, objectives, 5, {}, space, DESIGN, settings, {})


def test_the_gain_is_drawn_over_every_number_at_the_settings_that_both_arms_tried() -> None:
    figures = search_figures(_search({NONE: [(0.1,), (0.2,)], FINAL: [(0.5,), (0.9,)]}))
    assert list(figures) == ["gain-per-setting"]
    (axes,) = figures["gain-per-setting"].axes
    against_none = next(line for line in axes.lines if line.get_label() == f"against {NONE}")
    np.testing.assert_allclose(np.asarray(against_none.get_xdata(), dtype=float), [0.001, 0.01])
    np.testing.assert_allclose(np.asarray(against_none.get_ydata(), dtype=float), [0.4, 0.7])
    assert axes.get_xscale() == "log"


@pytest.mark.parametrize("space", [(SIZE,), ()], ids=["no numbers", "nothing varied"])
def test_a_space_without_numbers_has_no_figure_of_gains(space: tuple[Dimension, ...]) -> None:
    assert search_figures(_search({NONE: [(0.5,)], FINAL: [(0.5,)]}, space)) == {}


def test_a_search_without_the_final_bn_has_no_figure_of_gains() -> None:
    assert search_figures(_search({NONE: [(0.5,)]})) == {}


def test_the_front_joins_the_settings_that_nothing_beats_in_both() -> None:
    figures = search_figures(_search({NONE: [(0.5, 1.0), (0.4, 2.0)], FINAL: [(0.9, 3.0), (0.6, 2.0)]}))
    (axes,) = figures["front"].axes
    front = next(line for line in axes.lines if line.get_label() == "front")
    points = np.asarray(front.get_xydata(), dtype=float).tolist()  # (points, ms and score)
    assert points == [[1.0, 0.5], [2.0, 0.6], [3.0, 0.9]]
