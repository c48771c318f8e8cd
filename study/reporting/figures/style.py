"""What figures have in common: colours, resolution, and a curve with its interval."""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes

from study.evidence import Group, Interval
from study.studies import Arm

# Okabe and Ito's colours: told apart by everyone, also in grey
NONE_COLOUR, FINAL_COLOUR, THIRD_COLOUR, FOURTH_COLOUR = "#0072B2", "#D55E00", "#009E73", "#CC79A7"
DPI = 130


def colour_of(arm: Arm) -> str:
    """Returns the colour of all arms with a final norm, or of those without."""
    return NONE_COLOUR if arm.configuration.network.final_norm == "none" else FINAL_COLOUR


def arms_with_records(group: Group) -> list[Arm]:
    """Returns the arms to draw, in the order of the study."""
    return [arm for arm in group.study.arms if arm.name in group.records]


def bounds(interval: Interval, least: float = 0.0) -> tuple[float, float]:
    """Returns where an interval is drawn from and to: Student's may reach beyond what an F1 can be; NaN without one.

    Args:
        interval: of an F1, or of a gain in it.
        least: -1 for a gain.
    """
    return float(np.clip(interval.low, least, 1)), float(np.clip(interval.high, least, 1))


def draw_band(
    axes: Axes, x: Sequence[float], intervals: Sequence[Interval], label: str, colour: str, least: float = 0.0
) -> None:
    """Draws a curve of means, each at its x, with the 95 % intervals as a band around it, from `least` to 1."""
    axes.plot(x, [interval.mean for interval in intervals], ".-", color=colour, label=label)
    lows, highs = zip(*(bounds(interval, least) for interval in intervals), strict=True) if intervals else ((), ())
    axes.fill_between(x, lows, highs, color=colour, alpha=0.2, linewidth=0)
