"""Figures of `defaults` and `mechanism`: what a default does, how far a norm's shift lowers the rare class. Pure."""

import math

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter

from study.evidence import Group
from study.reporting.derived import BETA
from study.reporting.effects import LEAST, Effect, effects_of
from study.reporting.figures.style import FINAL_COLOUR, NONE_COLOUR, THIRD_COLOUR, arms_with_records
from study.reporting.predictions import Predictions
from study.studies import FINAL, NONE, Arm

ONE_CYCLE_MEAN = 0.3 * (1 + 1 / 25) / 2 + 0.7 * (1 + 1 / 250000) / 2  # of its peak: two half cosines, torch's defaults
TRAVELS = (0.05, 20.0)  # the axis, the same for every group
STRAIGHT = "both shifts always moving one rate a step"


def effects_of_defaults(group: Group, predictions: Predictions) -> Figure | None:
    """A panel per data set, a row per default: the change in mean F1, without and with a final BN, both ways."""
    effects_of_data: dict[str, list[Effect]] = {}
    for effect in effects_of(group):
        effects_of_data.setdefault(effect.data, []).append(effect)
    if not effects_of_data:
        return None
    figure = Figure(figsize=(2.4 + 3.4 * len(effects_of_data), 5), layout="constrained")
    panels = figure.subplots(1, len(effects_of_data), squeeze=False)[0]
    for axes, (data, effects) in zip(panels, effects_of_data.items(), strict=True):
        _draw(axes, effects)
        axes.set(title=data, xlabel="change in mean F1 of both classes\n(95 % interval over seeds)")
    figure.legend(*panels[0].get_legend_handles_labels(), loc="outside lower center", frameon=False, fontsize=8)
    return figure


def _draw(axes: Axes, effects: list[Effect]) -> None:
    names = list(dict.fromkeys(effect.default for effect in effects))
    offset = -0.27
    for method, colour in ((NONE, NONE_COLOUR), (FINAL, FINAL_COLOUR)):
        of_method = [effect for effect in effects if effect.method == method]
        rows = [names.index(effect.default) for effect in of_method]
        for way in ("added to ours", "among all of the tool's"):
            is_added = way == "added to ours"
            changes = [effect.alone if is_added else effect.within for effect in of_method]
            axes.errorbar(
                [change.mean for change in changes],
                [row + offset for row in rows],
                xerr=[0 if math.isnan(change.low) else change.half_width for change in changes],
                fmt="o" if is_added else "s",
                color=colour,
                markerfacecolor=colour if is_added else "white",
                capsize=2,
                markersize=4.5,
                label=f"{'plain' if method == NONE else method}, {way}",
            )
            offset += 0.18
    axes.axvspan(-LEAST, LEAST, color="grey", alpha=0.15, linewidth=0)
    axes.axvline(0, color="grey", linewidth=0.8)
    axes.set(yticks=range(len(names)), yticklabels=names, ylim=(len(names) - 0.5, -0.5))
    axes.grid(axis="x", alpha=0.3)


def learned_shift(group: Group, predictions: Predictions) -> Figure | None:
    """The learned shift of the frequent class less that of the rare one over steps x mean rate, and the log odds."""
    arms = [arm for arm in arms_with_records(group) if arm.method == FINAL]
    figure = Figure(figsize=(7, 4.8), layout="constrained")
    axes = figure.add_subplot()
    has_points = False
    data_sets = list(dict.fromkeys(arm.cell.split(",")[0] for arm in group.study.arms))
    for arm in arms:
        data = arm.cell.split(",")[0]
        colour = (NONE_COLOUR, FINAL_COLOUR, THIRD_COLOUR)[data_sets.index(data)]
        majority, minority = group.configuration(arm.name).data.classes
        shift = group.gain_over(
            group.values(arm.name, f"{BETA}/{majority}"), group.values(arm.name, f"{BETA}/{minority}")
        )
        if shift.n:
            label = data if not any(line.get_label() == data for line in axes.get_lines()) else None
            axes.plot(travel(group, arm), shift.mean, "o", color=colour, label=label)
            half_width = 0 if math.isnan(shift.low) else shift.half_width
            axes.errorbar(travel(group, arm), shift.mean, yerr=half_width, color=colour, capsize=3)
            has_points = True
    if not has_points:
        return None
    log_odds = -math.log(group.configuration(arms[0].name).data.ratio)
    axes.plot(TRAVELS, [2 * travelled for travelled in TRAVELS], "--", color="grey", linewidth=0.9, label=STRAIGHT)
    axes.axhline(log_odds, color="black", linewidth=0.9, label=f"log prior: log odds of training, {log_odds:.2f}")
    axes.set(xscale="log", yscale="log", xlim=TRAVELS, ylim=(0.05, 10), xlabel="optimiser steps x mean learning rate")
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.set_ylabel("learned shift, frequent class less rare class")
    axes.grid(alpha=0.3)
    axes.legend(fontsize=8)
    return figure


def travel(group: Group, arm: Arm) -> float:
    """Returns optimiser steps x mean learning rate of an arm: how far Adam can move a parameter that it always pushes.

    A run's steps are its batches; where a record does not count them, its epochs of whole batches.
    """
    record, schedule = group.first_record(arm.name), group.configuration(arm.name).schedule
    data, rate = group.configuration(arm.name).data, group.configuration(arm.name).optimiser.learning_rate
    images = sum(count for count in (data.train_majority, data.train_minority) if isinstance(count, int))
    steps = sum(record.batch_composition.values()) or schedule.epochs * (images // schedule.batch_size)
    return steps * rate * (ONE_CYCLE_MEAN if schedule.learning_rate_shape == "one-cycle" else 1)
