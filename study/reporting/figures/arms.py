"""One row per arm: the F1 of every seed, its mean with the interval, the paper's number. Pure: drawn, not saved."""

import math

from matplotlib.figure import Figure

from study.evidence import Group
from study.reporting.figures.style import FINAL_COLOUR, NONE_COLOUR, arms_with_records, bounds, colour_of
from study.reporting.predictions import Predictions
from trainables.evaluation import MINORITY_F1


def f1_per_arm(group: Group, predictions: Predictions) -> Figure | None:
    """Mean minority F1 per arm with 95 % intervals over seeds; the paper's number as a cross."""
    arms = arms_with_records(group)
    longest_name = max(len(arm.name) for arm in arms)
    figure = Figure(figsize=(5 + 0.085 * longest_name, 1.2 + 0.26 * len(arms)), layout="constrained")
    axes = figure.add_subplot()
    for row, arm in enumerate(arms):
        values = list(group.values(arm.name, MINORITY_F1).values())
        axes.plot(values, [row + 0.22] * len(values), ".", color=colour_of(arm), alpha=0.35, markersize=4)
        interval = group.interval(arm.name, MINORITY_F1)
        low, high = (interval.mean,) * 2 if math.isnan(interval.low) else bounds(interval)
        ends = [[interval.mean - low], [high - interval.mean]]
        axes.errorbar(interval.mean, row, xerr=ends, fmt="o", color=colour_of(arm), capsize=3, markersize=5)
        if MINORITY_F1 in arm.published:
            axes.plot(arm.published[MINORITY_F1], row, "x", color="black")
    if any(MINORITY_F1 in arm.published for arm in arms):
        axes.plot([], [], "x", color="black", label="paper")
    axes.plot([], [], "o", color=NONE_COLOUR, label="without final BN")
    axes.plot([], [], "o", color=FINAL_COLOUR, label="with final BN")
    axes.set(yticks=range(len(arms)), yticklabels=[arm.name for arm in arms], xlim=(-0.03, 1.03))
    axes.set_xlabel("test F1 of the minority (95 % interval over seeds)")
    axes.set_ylim(len(arms) - 0.5, -0.5)
    axes.grid(axis="x", alpha=0.3)
    figure.legend(loc="outside upper right", ncols=3, frameon=False)
    return figure
