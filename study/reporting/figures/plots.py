"""Groups of records -> figures. Pure: a function draws on a new figure and returns it; saving is the caller's."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from study.evidence import Group, Interval
from study.reporting.tables.tables import Predictions
from study.studies import Arm, Study
from trainables.evaluation import MINORITY_F1, minority_probability, probabilities_of

# Okabe and Ito's colours: told apart by everyone, also in grey
NONE_COLOUR, FINAL_COLOUR, THIRD_COLOUR = "#0072B2", "#D55E00", "#009E73"
DPI = 130


def f1_per_arm(group: Group, predictions: Predictions) -> Figure | None:
    """Mean minority F1 per arm with 95 % intervals over seeds; the paper's number as a cross."""
    arms = [arm for arm in group.study.arms if arm.name in group.records]
    longest = max(len(arm.name) for arm in arms)
    figure = Figure(figsize=(5 + 0.085 * longest, 1.2 + 0.26 * len(arms)), layout="constrained")
    axes = figure.add_subplot()
    for row, arm in enumerate(arms):
        values = list(group.values(arm.name, MINORITY_F1).values())
        interval = group.interval(arm.name, MINORITY_F1)
        axes.plot(values, [row + 0.22] * len(values), ".", color=_colour(arm), alpha=0.35, markersize=4)
        half = 0 if np.isnan(interval.low) else interval.half_width
        axes.errorbar(interval.mean, row, xerr=half, fmt="o", color=_colour(arm), capsize=3, markersize=5)
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


def reliability(group: Group, predictions: Predictions) -> Figure | None:
    """Reliability diagrams of the first pair, first seed: share that is right against top probability, and counts."""
    pair = group.study.pairs[0]
    figure = Figure(figsize=(8, 4), layout="constrained")
    panels = figure.subplots(1, 2, sharey=True)
    for axes, arm, colour in zip(panels, (pair.control, pair.treated), (NONE_COLOUR, FINAL_COLOUR), strict=True):
        found = predictions(arm)
        if found is None:
            return None
        p = probabilities_of(group.configuration(arm).network.output, found["scores"])
        top, right = p.max(axis=1), p.argmax(axis=1) == found["labels"]
        edges = np.linspace(1 / p.shape[1], 1, 11)
        bins = np.clip(np.digitize(top, edges) - 1, 0, 9)
        there = [b for b in range(10) if (bins == b).any()]
        axes.plot([0, 1], [0, 1], ":", color="grey")
        middles, widths = (edges[:-1] + edges[1:]) / 2, np.diff(edges)
        axes.bar(middles[there], [right[bins == b].mean() for b in there], widths[there] * 0.9, color=colour, alpha=0.8)
        for b in there:
            axes.text(middles[b], 0.02, str(int((bins == b).sum())), ha="center", fontsize=7)
        axes.set(
            title=arm, xlabel="top probability (images in a bin below)", xlim=(edges[0] - 0.02, 1.02), ylim=(0, 1.02)
        )
    panels[0].set_ylabel("share that is right")
    return figure


def outputs_per_image(group: Group, predictions: Predictions) -> Figure | None:
    """K21 Figure 1: the probability of each role for every test image, majority first, without and with the norm."""
    pair = group.study.pairs[0]
    figure = Figure(figsize=(9, 6), layout="constrained")
    panels = figure.subplots(2, 1, sharex=True)
    for axes, arm in zip(panels, (pair.control, pair.treated), strict=True):
        found = predictions(arm)
        if found is None:
            return None
        labels = found["labels"]
        order = np.argsort(labels, kind="stable")
        num_majority = len(group.configuration(arm).data.majority)
        is_minority = labels[order] >= num_majority
        minority = minority_probability(group.configuration(arm), found["scores"])[order]
        x = np.arange(len(order))
        axes.step(x, is_minority, color="black", linewidth=1, where="mid", label="truth (1 = minority)")
        axes.plot(
            x[~is_minority], 1 - minority[~is_minority], ".", color=NONE_COLOUR, label="P(majority), majority images"
        )
        axes.plot(x[is_minority], minority[is_minority], ".", color=FINAL_COLOUR, label="P(minority), minority images")
        axes.axhline(0.5, color="grey", linewidth=0.8, linestyle=":")
        axes.set(title=f"{arm} (seed 0)", ylabel="probability of the true class", ylim=(-0.03, 1.03))
    panels[0].legend(loc="center left", fontsize=8)
    panels[1].set_xlabel("test image")
    return figure


def over_ratio(group: Group, predictions: Predictions) -> Figure | None:
    """K21 Figure 2a: minority F1 over the imbalance ratio, none, final BN and removed, frozen and unfrozen."""
    figure = Figure(figsize=(9, 4.5), layout="constrained")
    kinds = [k for k in ("head", "all") if any(a.configuration.network.trainable == k for a in _present(group))]
    panels = figure.subplots(1, len(kinds), squeeze=False, sharey=True)[0]
    for axes, kind in zip(panels, kinds, strict=True):
        arms = [arm for arm in _present(group) if arm.configuration.network.trainable == kind]
        removed = MINORITY_F1.replace("test/", "test-removed/")
        for label, norm, metric, colour in (
            ("none", "none", MINORITY_F1, NONE_COLOUR),
            ("final BN", "batch", MINORITY_F1, FINAL_COLOUR),
            ("final BN, removed", "batch", removed, THIRD_COLOUR),
        ):
            its = [arm for arm in arms if arm.configuration.network.final_norm == norm]
            ratios = [group.configuration(arm.name).data.ratio for arm in its]
            _band(axes, ratios, [group.interval(arm.name, metric) for arm in its], label, colour)
        axes.axvline(0.1, color="grey", linestyle=":", linewidth=0.8)
        axes.set(title={"head": "frozen backbone", "all": "everything trains"}[kind], xscale="log")
        axes.set_xlabel("minority / majority training images")
    panels[0].set_ylabel("test F1 of the minority")
    panels[0].legend()
    return figure


def over_batch_size(group: Group, predictions: Predictions) -> Figure | None:
    """K21 Figure 2b: minority F1 over the batch size, with epochs held and with steps held."""
    figure = Figure(figsize=(9, 4.5), layout="constrained")
    panels = figure.subplots(1, 2, sharey=True)
    for axes, held, title in zip(
        panels, (False, True), ("epochs held", "steps held at those of batch 64"), strict=True
    ):
        for label, norm, colour in (("none", "none", NONE_COLOUR), ("final BN", "batch", FINAL_COLOUR)):
            its = [
                arm
                for arm in _present(group)
                if arm.configuration.network.final_norm == norm
                and (
                    bool(arm.configuration.schedule.steps_per_epoch) == held
                    or arm.configuration.schedule.batch_size == 64
                )
            ]
            its.sort(key=lambda arm: arm.configuration.schedule.batch_size)
            sizes = [float(arm.configuration.schedule.batch_size) for arm in its]
            _band(axes, sizes, [group.interval(arm.name, MINORITY_F1) for arm in its], label, colour)
        axes.axvline(64, color="grey", linestyle=":", linewidth=0.8)
        axes.set(title=title, xlabel="batch size")
    panels[0].set_ylabel("test F1 of the minority")
    panels[0].legend()
    return figure


def gain_over_rate(group: Group, predictions: Predictions) -> Figure | None:
    """Gain of the final BN over the learning rate, one line per data set and ratio."""
    figure = Figure(figsize=(7, 4.5), layout="constrained")
    axes = figure.add_subplot()
    cells: dict[str, list[tuple[float, Interval]]] = {}
    for pair in group.study.pairs:
        treated = group.study.arm(pair.treated)
        gain = group.gain(pair.treated, pair.control, MINORITY_F1)
        if gain.n:
            cells.setdefault(treated.cell, []).append((treated.configuration.optimiser.learning_rate, gain))
    colours = (NONE_COLOUR, FINAL_COLOUR, THIRD_COLOUR, "#CC79A7")
    for (cell, points), colour in zip(sorted(cells.items()), colours, strict=False):
        points.sort(key=lambda point: point[0])
        _band(axes, [rate for rate, _ in points], [gain for _, gain in points], cell, colour)
    axes.axhline(0, color="grey", linewidth=0.8)
    axes.set(xscale="log", xlabel="learning rate", ylabel="gain of the final BN in minority F1")
    axes.legend()
    return figure


def over_epochs(group: Group, predictions: Predictions) -> Figure | None:
    """Test accuracy over the epochs, mean over seeds, one panel per pair's control problem (Y19's curves)."""
    problems = list(dict.fromkeys(arm.cell for arm in _present(group)))
    figure = Figure(figsize=(3.6 * len(problems), 4), layout="constrained")
    panels = figure.subplots(1, len(problems), squeeze=False, sharey=True)[0]
    for axes, problem in zip(panels, problems, strict=True):
        for arm in (arm for arm in _present(group) if arm.cell == problem):
            series = [record.history["test/accuracy/all"] for record in group.records[arm.name].values()]
            mean = np.array(series, dtype=float).mean(axis=0)
            axes.plot(np.arange(1, len(mean) + 1), mean, label=arm.method, linewidth=1.2)
        axes.set(title=f"problem {problem}", xlabel="epoch")
        axes.legend(fontsize=7)
    panels[0].set_ylabel("test accuracy, mean over seeds")
    return figure


def _present(group: Group) -> list[Arm]:
    return [arm for arm in group.study.arms if arm.name in group.records]


def _band(axes: Any, x: list[float], intervals: Sequence[Interval], label: str, colour: str) -> None:
    axes.plot(x, [interval.mean for interval in intervals], ".-", color=colour, label=label)
    lows, highs = [interval.low for interval in intervals], [interval.high for interval in intervals]
    axes.fill_between(x, lows, highs, color=colour, alpha=0.2, linewidth=0)


def _colour(arm: Arm) -> str:
    return NONE_COLOUR if arm.configuration.network.final_norm == "none" else FINAL_COLOUR


Plot = Callable[[Group, Predictions], Figure | None]
COMMON: dict[str, Plot] = {"f1": f1_per_arm, "reliability": reliability}
PLOTS: dict[str, dict[str, Plot]] = {
    "figure1": {"outputs": outputs_per_image},
    "figure2a": {"ratio": over_ratio},
    "figure2b": {"batch": over_batch_size},
    "learning-rate": {"gain": gain_over_rate},
    "weighted-bn": {"epochs": over_epochs},
    "class-balanced-bn": {"epochs": over_epochs},
}


def plots_of(study: Study) -> dict[str, Plot]:
    """Returns name -> figure of a study: its own ones, and the common ones where it compares arms."""
    return {**(COMMON if study.pairs else {}), **PLOTS.get(study.name_parts.base, {})}
