"""A figure as SVG to stand in a page: its text is text, and black is whatever colour the page writes in."""

import re
from io import StringIO

import matplotlib
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure

POINTS_PER_INCH = 72


def as_svg(figure: Figure, name: str) -> str:
    """Returns an <svg> element of an HTML page, without a background; black and text take the page's `currentColor`.

    Args:
        figure: drawn; it loses its backgrounds.
        name: its ids begin with it, so that several figures may stand in one page.
    """
    FigureCanvasSVG(figure)
    figure.patch.set_visible(False)
    for axes in figure.axes:
        axes.patch.set_visible(False)
    for legend in [*figure.legends, *(axes.get_legend() for axes in figure.axes)]:
        if legend is not None:
            legend.get_frame().set_alpha(0)
    file = StringIO()
    with matplotlib.rc_context({"svg.fonttype": "none", "svg.hashsalt": name}):
        figure.savefig(file, format="svg", metadata={"Date": None, "Creator": None})
    element = file.getvalue()[file.getvalue().index("<svg") :]
    element = re.sub(r"<metadata>.*?</metadata>|<style.*?</style>", "", element, flags=re.DOTALL)
    element = element.replace("xlink:href", "href")  # and no xmlns: HTML knows both by itself
    element = re.sub(r'(\bid="|url\(#|href="#)', rf"\g<1>{name}-", element)
    width, height = (f"{length * POINTS_PER_INCH:.0f}" for length in figure.get_size_inches())
    attributes = f'viewBox="0 0 {width} {height}" width="{width}" height="{height}" fill="currentColor"'
    element = re.sub(r"<svg.*?>", f"<svg {attributes}>", element, count=1, flags=re.DOTALL)
    return re.sub(r"#000000\b|(?<=: )black\b", "currentColor", element)
