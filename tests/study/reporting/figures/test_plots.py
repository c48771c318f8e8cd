"""Every figure of every study is drawn from a few made-up records, and has what it says on its axes."""

from pathlib import Path

import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.collections import PolyCollection
from matplotlib.figure import Figure

from study.evidence.groups import Group, group_records
from study.reporting.figures.plots import COMMON, PLOTS, plots_of
from study.reporting.tables import as_data
from study.studies import STUDIES
from study.studies.declaration import Arm, Study
from tests.support.records import make_predictions, make_records
from trainables.evaluation import MAJORITY_F1, MINORITY_F1, REMOVED_MINORITY_F1

ACCURACY = "test/accuracy/all"
RECALLS = [f"test/recall/{role}" for role in ("minority", "majority")]
BETAS = [f"final-norm/beta/{name}" for name in ("others", "8", "3", "healthy", "unhealthy")]  # of mechanism's classes
ALL = [(name, figure) for name, make in STUDIES.items() for figure in plots_of(make())]


def _group(study: Study) -> Group:
    generator = np.random.default_rng(0)

    def metrics(arm: Arm, seed: int) -> dict[str, float | None]:
        return {
            name: generator.random()
            for name in (MINORITY_F1, MAJORITY_F1, REMOVED_MINORITY_F1, ACCURACY, *RECALLS, *BETAS)
        }

    (group,) = group_records(study, make_records(study, (0, 1, 2), metrics))
    return group


def _predictions(arm: str) -> dict[str, np.ndarray]:
    return {name.removeprefix("test/"): array for name, array in make_predictions().items()}


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


REDRAWN = {f"data.{part}_{role}": 0.2 for part in ("validation", "test") for role in ("majority", "minority")}


def _drawn_bounds(figure: Figure) -> list[float]:
    """Returns every lower and upper end of the bands of a figure."""
    bands = [band for axes in figure.axes for band in axes.collections if isinstance(band, PolyCollection)]
    corners = [
        np.asarray(path.vertices, dtype=float) for band in bands for path in band.get_paths()
    ]  # (corners, x and y)
    return sorted(set(np.concatenate(corners)[:, 1].tolist()))


@pytest.mark.parametrize(("name", "figure"), [("figure2a", "ratio"), ("figure2b", "batch"), ("learning-rate", "gain")])
def test_its_intervals_are_the_tables_where_every_seed_redraws_the_images(name: str, figure: str) -> None:
    """Regression: the bands over ratio, batch size and rate were drawn without the widening that the tables have."""
    group = _group(STUDIES[name]().map(lambda configuration: configuration.replace(REDRAWN)))
    if figure == "gain":
        gains = [group.gain(pair.treated, pair.control, MINORITY_F1) for pair in group.study.pairs]
        expected = {bound for gain in gains for bound in (gain.low, gain.high)}
    else:
        metrics = [arm["metrics"] for arm in as_data(group, [])["arms"].values()]
        expected = {arm[MINORITY_F1][end] for arm in metrics for end in ("low", "high")}
        if figure == "ratio":
            expected |= {
                arm["metrics"][REMOVED_MINORITY_F1][end]
                for name, arm in as_data(group, [])["arms"].items()
                if name.endswith(", final BN")
                for end in ("low", "high")
            }
    drawn = plots_of(group.study)[figure](group, _predictions)
    assert drawn is not None
    possible = {float(np.clip(bound, -1 if figure == "gain" else 0, 1)) for bound in expected}
    assert _drawn_bounds(drawn) == pytest.approx(sorted(possible))
