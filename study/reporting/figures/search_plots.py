"""Figures of a search: the gain at every shared setting, and the front of two objectives."""

from collections.abc import Sequence

from matplotlib.figure import Figure
from matplotlib.ticker import NullFormatter

from study.evidence import SearchResult, pareto_front
from study.reporting.figures.plots import FINAL_COLOUR, NONE_COLOUR
from study.studies import FINAL, NONE, Range

RIVALS = {NONE: NONE_COLOUR, "weighted loss": "#6a51a3"}


def gain_per_setting(found: SearchResult) -> Figure | None:
    """The final BN's gain in the validation score at the settings all arms tried, over each number that was varied."""
    numbers = [dimension for dimension in found.space if isinstance(dimension, Range)]
    scores = {
        arm: {s.design: s.scores[0] for s in found.settings.get(arm, []) if s.design is not None and s.scores}
        for arm in (FINAL, *RIVALS)
    }
    if not numbers or not scores[FINAL] or not any(scores[rival] for rival in RIVALS):
        return None
    figure = Figure(figsize=(3.4 * len(numbers), 3.6), layout="constrained")
    panels = figure.subplots(1, len(numbers), sharey=True, squeeze=False)[0]
    for axes, dimension in zip(panels, numbers, strict=True):
        for rival, colour in RIVALS.items():
            both = sorted(scores[FINAL].keys() & scores[rival].keys())
            x = [found.design[i][dimension.field] for i in both]
            axes.plot(
                x, [scores[FINAL][i] - scores[rival][i] for i in both], "o", color=colour, label=f"against {rival}"
            )
        axes.axhline(0, color="grey", linewidth=0.8)
        axes.set(xlabel=dimension.field.split(".")[1].replace("_", " "), xscale="log" if dimension.log else "linear")
        axes.grid(alpha=0.3)
        axes.xaxis.set_minor_formatter(NullFormatter())
    panels[0].set_ylabel("gain of the final BN (validation)")
    panels[0].legend(fontsize=8)
    return figure


def front_of_two(found: SearchResult) -> Figure | None:
    """Every complete setting by latency and score; those on the front are joined."""
    complete = {arm: [s for s in its if len(s.scores) == 2] for arm, its in found.settings.items()}
    if not any(complete.values()):
        return None
    figure = Figure(figsize=(7, 4.5), layout="constrained")
    axes = figure.add_subplot()
    for arm, its in complete.items():
        points = [s.scores for s in its]
        axes.plot(*_columns([(latency, score) for score, latency in points]), "o", markersize=4, alpha=0.6, label=arm)
    best = pareto_front([s for its in complete.values() for s in its], ["maximize", "minimize"])
    axes.step(
        *_columns(sorted((s.scores[1], s.scores[0]) for s in best)), where="post", color=FINAL_COLOUR, label="front"
    )
    axes.set(xlabel="ms for one image (PyTorch, one thread, others beside it)", ylabel="validation score", xscale="log")
    axes.grid(alpha=0.3)
    axes.legend(fontsize=8)
    return figure


def _columns(points: Sequence[tuple[float, float]]) -> tuple[list[float], list[float]]:
    return [x for x, _ in points], [y for _, y in points]


PLOTS = {"gain-per-setting": gain_per_setting, "front": front_of_two}


def plots_of(found: SearchResult) -> dict[str, Figure]:
    """Returns name -> figure of what a search has the settings for."""
    drawn = {name: draw(found) for name, draw in PLOTS.items()}
    return {name: figure for name, figure in drawn.items() if figure is not None}
