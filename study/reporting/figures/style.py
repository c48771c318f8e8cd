"""What figures have in common: colours, resolution, and a curve with its interval."""

from collections.abc import Sequence

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


def draw_band(axes: Axes, x: Sequence[float], intervals: Sequence[Interval], label: str, colour: str) -> None:
    """Draws a curve of means, each at its x, with the 95 % intervals as a band around it."""
    axes.plot(x, [interval.mean for interval in intervals], ".-", color=colour, label=label)
    lows, highs = [interval.low for interval in intervals], [interval.high for interval in intervals]
    axes.fill_between(x, lows, highs, color=colour, alpha=0.2, linewidth=0)
