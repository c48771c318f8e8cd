"""Curves over what a study varies, with 95 % intervals over seeds, and over the epochs. Pure: drawn, not saved."""

from collections.abc import Callable

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, NullFormatter, NullLocator

from study.evidence import MISS, Group, Interval, Rates, rates
from study.reporting.figures.style import (
    FINAL_COLOUR,
    FOURTH_COLOUR,
    NONE_COLOUR,
    THIRD_COLOUR,
    arms_with_records,
    draw_band,
)
from study.reporting.predictions import Predictions
from study.reporting.prior import Line, lines_of, panels_of, per_1000_of
from study.studies import Arm
from trainables.evaluation import MINORITY_F1, REMOVED_MINORITY_F1

TITLES = {"head": "frozen backbone", "all": "everything trains"}  # network.trainable -> title of its panel
PAPER_BATCH_SIZE = 64  # K21's; arms of this size hold both epochs and steps
COLOURS = {"control": NONE_COLOUR, "adjusted": THIRD_COLOUR, "weighted": FOURTH_COLOUR, "treated": FINAL_COLOUR}
NUM_PRIORS = 13


def over_ratio(group: Group, predictions: Predictions) -> Figure | None:
    """K21 Figure 2a: minority F1 over the imbalance ratio, none, final BN and removed, frozen and unfrozen."""
    arms = arms_with_records(group)
    trainable = {arm.configuration.network.trainable for arm in arms}
    parts = [part for part in TITLES if part in trainable]
    figure = Figure(figsize=(9, 4.5), layout="constrained")
    panels = figure.subplots(1, len(parts), squeeze=False, sharey=True)[0]
    for axes, part in zip(panels, parts, strict=True):
        arms_of_part = [arm for arm in arms if arm.configuration.network.trainable == part]
        for label, norm, metric, colour in (
            ("plain", "none", MINORITY_F1, NONE_COLOUR),
            ("final BN", "batch", MINORITY_F1, FINAL_COLOUR),
            ("final BN, removed at inference", "batch", REMOVED_MINORITY_F1, THIRD_COLOUR),
        ):
            arms_of_curve = _with_norm(arms_of_part, norm)
            per_1000 = [1000 * group.configuration(arm.name).data.ratio for arm in arms_of_curve]
            intervals = [group.interval(arm.name, metric) for arm in arms_of_curve]
            draw_band(axes, per_1000, intervals, label, colour)
        axes.axvline(100, color="grey", linestyle=":", linewidth=0.8, label="up to here there is a gain, says K21 (H2)")
        axes.set(title=TITLES[part], xscale="log")
        axes.xaxis.set_major_locator(FixedLocator((5, 10, 20, 50, 100, 200, 400)))
        axes.xaxis.set_major_formatter("{x:g}")
        axes.xaxis.set_minor_locator(NullLocator())
        axes.set_xlabel("rare training images per 1000 frequent ones")
    panels[0].set_ylabel("test F1 of the rare class (band: 95 % interval)")
    panels[0].legend()
    return figure


def over_batch_size(group: Group, predictions: Predictions) -> Figure | None:
    """K21 Figure 2b: minority F1 over the batch size, with epochs held and with steps held."""
    arms = sorted(arms_with_records(group), key=_batch_size)
    of_paper = [arm for arm in arms if _batch_size(arm) == PAPER_BATCH_SIZE]
    steps_held = [arm for arm in arms if arm.configuration.schedule.steps_per_epoch or arm in of_paper]
    epochs_held = [arm for arm in arms if not arm.configuration.schedule.steps_per_epoch or arm in of_paper]
    figure = Figure(figsize=(9, 4.5), layout="constrained")
    panels = figure.subplots(1, 2, sharey=True)
    for axes, arms_of_panel, title in (
        (panels[0], epochs_held, "epochs held"),
        (panels[1], steps_held, f"steps held at those of batch {PAPER_BATCH_SIZE}"),
    ):
        for label, norm, colour in (("plain", "none", NONE_COLOUR), ("final BN", "batch", FINAL_COLOUR)):
            arms_of_curve = _with_norm(arms_of_panel, norm)
            sizes = [_batch_size(arm) for arm in arms_of_curve]
            intervals = [group.interval(arm.name, MINORITY_F1) for arm in arms_of_curve]
            draw_band(axes, sizes, intervals, label, colour)
        axes.axvline(PAPER_BATCH_SIZE, color="grey", linestyle=":", linewidth=0.8)
        axes.set(title=title, xlabel="batch size")
    panels[0].set_ylabel("test F1 of the minority")
    panels[0].legend()
    return figure


def gain_over_rate(group: Group, predictions: Predictions) -> Figure | None:
    """Gain of the final BN over the learning rate, one line per data set and ratio."""
    gains_of_cell: dict[str, list[tuple[float, Interval]]] = {}  # cell -> learning rate and gain
    for pair in group.study.pairs:
        treated = group.study.arm(pair.treated)
        gain = group.gain(pair.treated, pair.control, MINORITY_F1)
        if gain.n:
            gains_of_cell.setdefault(treated.cell, []).append((treated.configuration.optimiser.learning_rate, gain))
    figure = Figure(figsize=(7, 4.5), layout="constrained")
    axes = figure.add_subplot()
    colours = (NONE_COLOUR, FINAL_COLOUR, THIRD_COLOUR, FOURTH_COLOUR)
    for (cell, gains), colour in zip(sorted(gains_of_cell.items()), colours, strict=False):
        gains.sort(key=lambda rate_and_gain: rate_and_gain[0])
        draw_band(axes, [rate for rate, _ in gains], [gain for _, gain in gains], cell, colour, least=-1)
    axes.axhline(0, color="grey", linewidth=0.8)
    axes.set(xscale="log", xlabel="learning rate", ylabel="gain of the final BN in minority F1")
    axes.legend()
    return figure


def over_epochs(group: Group, predictions: Predictions) -> Figure | None:
    """Test accuracy over the epochs, mean over seeds, one panel per pair's control problem (Y19's curves)."""
    arms_of_problem: dict[str, list[Arm]] = {}
    for arm in arms_with_records(group):
        arms_of_problem.setdefault(arm.cell, []).append(arm)
    figure = Figure(figsize=(3.6 * len(arms_of_problem), 4), layout="constrained")
    panels = figure.subplots(1, len(arms_of_problem), squeeze=False, sharey=True)[0]
    for axes, (problem, arms) in zip(panels, arms_of_problem.items(), strict=True):
        for arm in arms:
            accuracies = [record.history["test/accuracy/all"] for record in group.records[arm.name].values()]
            mean = np.array(accuracies, dtype=float).mean(axis=0)  # (epochs,)
            axes.plot(np.arange(1, len(mean) + 1), mean, label=arm.method, linewidth=1.2)
        axes.set(title=f"problem {problem}", xlabel="epoch")
        axes.legend(fontsize=7)
    panels[0].set_ylabel("test accuracy, mean over seeds")
    return figure


def _with_norm(arms: list[Arm], norm: str) -> list[Arm]:
    return [arm for arm in arms if arm.configuration.network.final_norm == norm]


def _batch_size(arm: Arm) -> int:
    return arm.configuration.schedule.batch_size


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
