"""Which figures are there of a group and its search, and where do they lie?"""

from study.reporting.figures.plots import COMMON, PLOTS, plots_of
from study.reporting.figures.priors import save_gain_at_both_priors
from study.reporting.figures.saving import log_figures, save_figures, svg_figures
from study.reporting.figures.search import search_figures

__all__ = [
    "COMMON",
    "PLOTS",
    "log_figures",
    "plots_of",
    "save_figures",
    "save_gain_at_both_priors",
    "search_figures",
    "svg_figures",
]
