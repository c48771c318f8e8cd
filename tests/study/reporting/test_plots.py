"""Every figure of every study is drawn from a few made-up records, and has what it says on its axes."""

from pathlib import Path

import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg

from study.evidence.groups import Group
from study.reporting.figures.plots import COMMON, PLOTS, plots_of
from study.studies import STUDIES
from study.studies.declaration import Study
from trainables.evaluation import MAJORITY_F1, MINORITY_F1
from trainables.storage.record import Record

ALL = [(name, figure) for name, make in STUDIES.items() for figure in plots_of(make())]


def _group(study: Study) -> Group:
    rng = np.random.default_rng(0)
    found = Group(study, "as declared")
    for arm in study.arms:
        for seed in range(3):
            values = {MINORITY_F1: rng.random(), MAJORITY_F1: rng.random(), "test-removed/f1/minority": rng.random()}
            found.records.setdefault(arm.name, {})[seed] = Record(
                study=study.name, arm=arm.name, key=arm.configuration.key, seed=seed, status="complete",
                configuration=arm.configuration.flat(), data_fingerprint="", seconds=1, finished_at="", device="cpu",
                history={**{k: [v] for k, v in values.items()}, "test/accuracy/all": [0.5, rng.random()]},
            )  # fmt: skip
    return found


def _predictions(arm: str) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(1)
    return {"scores": rng.normal(size=(40, 2)).astype(np.float32), "labels": np.repeat([0, 1], 20)}


@pytest.mark.parametrize(("name", "figure"), ALL, ids=[f"{name}-{figure}" for name, figure in ALL])
def test_it_is_drawn(name: str, figure: str, tmp_path: Path) -> None:
    group = _group(STUDIES[name]())
    drawn = plots_of(group.study)[figure](group, _predictions)
    assert drawn is not None
    FigureCanvasAgg(drawn)
    drawn.savefig(tmp_path / "figure.png")
    assert (tmp_path / "figure.png").stat().st_size > 5000
    assert all(axes.has_data() for axes in drawn.axes)


@pytest.mark.parametrize("figure", ["reliability", "outputs"])
def test_what_has_no_predictions_is_not_drawn(figure: str) -> None:
    draw = {**COMMON, **PLOTS["figure1"]}[figure]
    assert draw(_group(STUDIES["figure1"]()), lambda arm: None) is None
