"""The test images of the first pair's first seed, without and with the final norm. Pure: drawn, not saved."""

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from study.evidence import Group
from study.reporting.figures.style import FINAL_COLOUR, NONE_COLOUR
from study.reporting.predictions import Predictions
from trainables.evaluation import minority_probability, probabilities_of

NUM_BINS = 10  # of the top probability, from that of a coin among all classes to 1


def reliability(group: Group, predictions: Predictions) -> Figure | None:
    """Reliability diagrams of the first pair, first seed: share that is right against top probability, and counts."""
    pair = group.study.pairs[0]
    arrays_of_arm = {arm: predictions(arm) for arm in (pair.control, pair.treated)}
    figure = Figure(figsize=(8, 4), layout="constrained")
    panels = figure.subplots(1, 2, sharey=True)
    for axes, (arm, arrays), colour in zip(panels, arrays_of_arm.items(), (NONE_COLOUR, FINAL_COLOUR), strict=True):
        if arrays is None:
            return None
        p = probabilities_of(group.configuration(arm).network.output, arrays["scores"])
        _draw_reliability(axes, p, arrays["labels"], colour)
        axes.set_title(arm)
    panels[0].set_ylabel("share that is right")
    return figure


def _draw_reliability(axes: Axes, p: np.ndarray[Any, Any], labels: np.ndarray[Any, Any], colour: str) -> None:
    """Draws a bar per bin of the top probability that holds an image; p is (images, classes)."""
    top, right = p.max(axis=1), p.argmax(axis=1) == labels
    edges = np.linspace(1 / p.shape[1], 1, NUM_BINS + 1)
    middles, widths = (edges[:-1] + edges[1:]) / 2, np.diff(edges)
    bin_of_image = np.clip(np.digitize(top, edges) - 1, 0, NUM_BINS - 1)
    bins = np.unique(bin_of_image)
    shares = [right[bin_of_image == index].mean() for index in bins]
    axes.plot([0, 1], [0, 1], ":", color="grey")
    axes.bar(middles[bins], shares, widths[bins] * 0.9, color=colour, alpha=0.8)
    for index in bins:
        axes.text(middles[index], 0.02, str(int((bin_of_image == index).sum())), ha="center", fontsize=7)
    axes.set(xlabel="top probability (images in a bin below)", xlim=(edges[0] - 0.02, 1.02), ylim=(0, 1.02))


def outputs_per_image(group: Group, predictions: Predictions) -> Figure | None:
    """K21 Figure 1: the probability of each role for every test image, majority first, without and with the norm."""
    pair = group.study.pairs[0]
    figure = Figure(figsize=(9, 6), layout="constrained")
    panels = figure.subplots(2, 1, sharex=True)
    for axes, arm in zip(panels, (pair.control, pair.treated), strict=True):
        arrays = predictions(arm)
        if arrays is None:
            return None
        configuration = group.configuration(arm)
        order = np.argsort(arrays["labels"], kind="stable")
        minority = minority_probability(configuration, arrays["scores"])
        is_minority = arrays["labels"] >= len(configuration.data.majority)
        _draw_outputs(axes, minority[order], is_minority[order])
        axes.set(title=f"{arm} (seed 0)", ylabel="probability of the true class", ylim=(-0.03, 1.03))
    panels[0].legend(loc="center left", fontsize=8)
    panels[1].set_xlabel("test image")
    return figure


def _draw_outputs(axes: Axes, minority: np.ndarray[Any, Any], is_minority: np.ndarray[Any, Any]) -> None:
    """Draws the probability of each image's true role; P(minority) and the truth are (images,)."""
    x = np.arange(len(minority))
    axes.step(x, is_minority, color="black", linewidth=1, where="mid", label="truth (1 = minority)")
    majority = 1 - minority[~is_minority]
    axes.plot(x[~is_minority], majority, ".", color=NONE_COLOUR, label="P(majority), majority images")
    axes.plot(x[is_minority], minority[is_minority], ".", color=FINAL_COLOUR, label="P(minority), minority images")
    axes.axhline(0.5, color="grey", linewidth=0.8, linestyle=":")
