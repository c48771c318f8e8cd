"""A figure in a page: words stay words, black is the page's own colour, nothing clashes with another figure."""

import re

from matplotlib.figure import Figure

from study.reporting.figures.svg import as_svg


def _figure() -> Figure:
    figure = Figure(figsize=(4, 2))
    axes = figure.add_subplot(title="a title")
    axes.plot([0, 1], [0, 1], color="#0072B2", label="a line")
    axes.plot(0.5, 0.5, "x", color="black")
    axes.legend()
    return figure


def test_text_is_text_and_black_is_the_pages_colour() -> None:
    svg = as_svg(_figure(), "one")
    assert svg.startswith('<svg viewBox="0 0 288 144" width="288" height="144" fill="currentColor"')
    assert ">a title</text>" in svg
    assert "currentColor" in svg
    assert "#0072b2" in svg.lower()
    assert "#000000" not in svg
    assert not re.search(r"fill: #ffffff(?![^>]*opacity: 0)", svg)  # no white ground
    assert "xlink" not in svg
    assert "http" not in svg


def test_two_figures_share_no_id() -> None:
    first, second = (set(re.findall(r'id="([^"]*)"', as_svg(_figure(), name))) for name in ("one", "two"))
    assert first
    assert first.isdisjoint(second)
