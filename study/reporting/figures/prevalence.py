"""F1 of the rare class and expected cost over the test prior. Pure: drawn, not saved."""

from collections.abc import Callable

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, NullFormatter

from study.evidence import MISS, Group, Rates, rates
from study.reporting.figures.style import FINAL_COLOUR, FOURTH_COLOUR, NONE_COLOUR, THIRD_COLOUR, draw_band
from study.reporting.predictions import Predictions
from study.reporting.prior import Line, lines_of, panels_of, per_1000_of

COLOURS = {"control": NONE_COLOUR, "adjusted": THIRD_COLOUR, "weighted": FOURTH_COLOUR, "treated": FINAL_COLOUR}
NUM_PRIORS = 13


def over_prevalence(group: Group, predictions: Predictions) -> Figure | None:
    """F1 and cost of the arms of every claim at the training prevalence, from 1:1 to that; None without one."""
    panels = panels_of(group)
    if not panels:
        return None
    width = max(5.5, 3.7 * len(panels))
    figure = Figure(figsize=(width, 6.4), layout="constrained")
    axes_of_panel = figure.subplots(2, len(panels), squeeze=False, sharex="col", sharey="row").T
    for panel, (f1, cost) in zip(panels, axes_of_panel, strict=True):
        lowest = per_1000_of(group, panel)
        for line in lines_of(group, panel):
            _draw(f1, group, line, lowest, lambda run, prevalence: run.minority_f1(prevalence))
            _draw(cost, group, line, lowest, lambda run, prevalence: 1000 * run.cost(prevalence))
        f1.set(title=group.study.arm(panel.treated[0]).cell or group.study.name, ylim=(-0.03, 1.03))
        f1.legend(fontsize=7)
        for axes in (f1, cost):
            axes.axvline(lowest, color="grey", linestyle=":", linewidth=0.8)
            axes.grid(alpha=0.3)
            axes.set_xscale("log")
            axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}\nper 1000"))
            axes.xaxis.set_minor_formatter(NullFormatter())
        cost.set(yscale="log", ylim=(1, 11000))
        cost.set_xlabel("rare per 1000 frequent test images\n(dotted: as in training)")
    axes_of_panel[0][0].set_ylabel("F1 of the rare class")
    axes_of_panel[0][1].set_ylabel(f"cost of 1000 images, in false alarms\n(a missed rare one counts {MISS:g})")
    return figure


def _draw(axes: Axes, group: Group, line: Line, lowest: float, value: Callable[[Rates, float], float]) -> None:
    """Draws a value of an arm's runs, with its interval, from as few rare images as `lowest` per 1000 to as many."""
    per_1000 = np.geomspace(lowest, 1000, NUM_PRIORS)
    runs = rates(group, line.arm, line.split).values()
    intervals = [group.interval_over(value(run, n / (1000 + n)) for run in runs) for n in per_1000.tolist()]
    draw_band(axes, per_1000.tolist(), intervals, line.label(group.study.arm(line.arm).method), COLOURS[line.kind])
