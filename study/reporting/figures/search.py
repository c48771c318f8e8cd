"""Figures of a search: the gain at every shared setting, and the front of two objectives. Pure: drawn, not saved."""

from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import NullFormatter

from study.evidence import SearchResult, Setting, pareto_front
from study.reporting.figures.style import FINAL_COLOUR, NONE_COLOUR
from study.studies import FINAL, NONE, Range

RIVALS = {NONE: NONE_COLOUR, "weighted loss": "#6a51a3"}  # arm -> its colour


def search_figures(search: SearchResult) -> dict[str, Figure]:
    """Returns name -> figure of what a search has the settings for."""
    figures = {"gain-per-setting": gain_per_setting(search), "front": front_of_two(search)}
    return {name: figure for name, figure in figures.items() if figure is not None}


def gain_per_setting(search: SearchResult) -> Figure | None:
    """The final BN's gain in the validation score at the settings all arms tried, over each number that was varied."""
    ranges = [dimension for dimension in search.space if isinstance(dimension, Range)]
    final = search.scores_over_design(FINAL)
    scores_of_rival = {rival: search.scores_over_design(rival) for rival in RIVALS}
    if not ranges or not final or not any(scores_of_rival.values()):
        return None
    figure = Figure(figsize=(3.4 * len(ranges), 3.6), layout="constrained")
    panels = figure.subplots(1, len(ranges), sharey=True, squeeze=False)[0]
    for axes, dimension in zip(panels, ranges, strict=True):
        for rival, colour in RIVALS.items():
            places = sorted(final.keys() & scores_of_rival[rival].keys())  # in the shared design
            values = [search.design[place][dimension.field] for place in places]
            gains = [final[place] - scores_of_rival[rival][place] for place in places]
            axes.plot(values, gains, "o", color=colour, label=f"against {rival}")
        axes.axhline(0, color="grey", linewidth=0.8)
        axes.set(xlabel=dimension.field.split(".")[1].replace("_", " "), xscale="log" if dimension.log else "linear")
        axes.grid(alpha=0.3)
        axes.xaxis.set_minor_formatter(NullFormatter())
    panels[0].set_ylabel("gain of the final BN (validation)")
    panels[0].legend(fontsize=8)
    return figure


def front_of_two(search: SearchResult) -> Figure | None:
    """Every complete setting by latency and score; those on the front are joined."""
    settings_of_arm = {
        arm: [setting for setting in settings if len(setting.scores) == 2] for arm, settings in search.settings.items()
    }
    settings_of_all = [setting for settings in settings_of_arm.values() for setting in settings]
    if not settings_of_all:
        return None
    figure = Figure(figsize=(7, 4.5), layout="constrained")
    axes: Axes = figure.add_subplot()
    for arm, settings in settings_of_arm.items():
        axes.plot(*_latencies_and_scores(settings), "o", markersize=4, alpha=0.6, label=arm)
    front = pareto_front(settings_of_all, ["maximize", "minimize"])
    front.sort(key=lambda setting: (setting.scores[1], setting.scores[0]))
    axes.step(*_latencies_and_scores(front), where="post", color=FINAL_COLOUR, label="front")
    axes.set(xlabel="ms for one image (PyTorch, one thread, others beside it)", ylabel="validation score", xscale="log")
    axes.grid(alpha=0.3)
    axes.legend(fontsize=8)
    return figure


def _latencies_and_scores(settings: Sequence[Setting]) -> tuple[list[float], list[float]]:
    return [setting.scores[1] for setting in settings], [setting.scores[0] for setting in settings]
