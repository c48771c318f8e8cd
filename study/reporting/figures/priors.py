"""What a final BN is worth at both priors: a row per pair, the gain at 1:1 beside that as rare as in training."""

from collections.abc import Sequence
from pathlib import Path

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from study.evidence import ClaimRow, at_both_priors
from study.reporting.figures.style import DPI, FINAL_COLOUR, NONE_COLOUR
from study.reporting.output_files import writing
from study.reporting.tables import place_of


def gain_at_both_priors(rows: Sequence[ClaimRow]) -> Figure | None:
    """Gain in the rare class's F1 with its 95 % interval, at two priors; None where no study has both."""
    gains = [
        (
            f"{place_of(balanced)}\n{f'{profile} defaults' if profile else 'as declared'}",
            judged,
            training.judged[profile],
        )
        for balanced, training in at_both_priors(rows)
        for profile, judged in sorted(balanced.judged.items())
        if profile in training.judged
    ]
    if not gains:
        return None
    figure = Figure(figsize=(8, 1.4 + 0.42 * len(gains)), layout="constrained")
    axes = figure.add_subplot()
    for row, (_, *both) in enumerate(gains):
        for judged, shift, colour, marker in zip(both, (-0.13, 0.13), (NONE_COLOUR, FINAL_COLOUR), "os", strict=True):
            difference = judged.verdict.difference
            axes.errorbar(
                difference.mean,
                row + shift,
                xerr=difference.half_width,
                fmt=marker,
                color=colour,
                capsize=3,
                markersize=5,
            )
    axes.plot([], [], "o", color=NONE_COLOUR, label="tested at 1:1, as the papers do")
    axes.plot([], [], "s", color=FINAL_COLOUR, label="the rare class as rare as in training")
    axes.axvline(0, color="black", linewidth=0.8)
    axes.set(yticks=range(len(gains)), yticklabels=[name for name, *_ in gains])
    axes.set_xlabel("gain of the final BN in the F1 of the rare class (95 % interval)")
    axes.set_ylim(len(gains) - 0.5, -0.5)
    axes.grid(axis="x", alpha=0.3)
    figure.legend(loc="outside upper center", ncols=2, frameon=False)
    return figure


def save_gain_at_both_priors(rows: Sequence[ClaimRow], path: Path) -> bool:
    """Draws the figure into a file, PNG or SVG by its name; returns whether there was something to draw.

    Raises:
        RecordError: the file cannot be written.
    """
    figure = gain_at_both_priors(rows)
    if figure is None:
        return False
    FigureCanvasAgg(figure)
    with writing(path):
        figure.savefig(path, dpi=DPI)
    return True
