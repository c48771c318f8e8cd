"""Which tables are there of a group, its verdicts, its search and its exported files?"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from study.reporting.tables.arms import (
        affine_table,
        arms_table,
        calibration_table,
        prevalence_table,
        published_table,
    )
    from study.reporting.tables.cells import show
    from study.reporting.tables.claims import claims_table
    from study.reporting.tables.data import as_data
    from study.reporting.tables.declared import list_table, trials_table
    from study.reporting.tables.export import h1_verdicts, variants_overview, variants_table
    from study.reporting.tables.overview import claims_overview, overview_table
    from study.reporting.tables.pairs import defaults_table, pairs_table, samples_table
    from study.reporting.tables.search import search_tables
    from study.reporting.tables.verdicts import (
        full_verdicts_table,
        how_verdicts_are_made,
        place_of,
        priors_table,
        verdicts_table,
    )
else:
    from trainables.common import public_names

    _FILES = {
        "arms": (
            "affine_table",
            "arms_table",
            "calibration_table",
            "prevalence_table",
            "published_table",
        ),
        "cells": ("show",),
        "claims": ("claims_table",),
        "data": ("as_data",),
        "declared": (
            "list_table",
            "trials_table",
        ),
        "export": (
            "h1_verdicts",
            "variants_overview",
            "variants_table",
        ),
        "overview": (
            "claims_overview",
            "overview_table",
        ),
        "pairs": (
            "defaults_table",
            "pairs_table",
            "samples_table",
        ),
        "search": ("search_tables",),
        "verdicts": (
            "full_verdicts_table",
            "how_verdicts_are_made",
            "place_of",
            "priors_table",
            "verdicts_table",
        ),
    }
    __getattr__ = public_names(__name__, _FILES)

__all__ = [
    "affine_table",
    "arms_table",
    "as_data",
    "calibration_table",
    "claims_overview",
    "claims_table",
    "defaults_table",
    "full_verdicts_table",
    "h1_verdicts",
    "how_verdicts_are_made",
    "list_table",
    "overview_table",
    "pairs_table",
    "place_of",
    "prevalence_table",
    "priors_table",
    "published_table",
    "samples_table",
    "search_tables",
    "show",
    "trials_table",
    "variants_overview",
    "variants_table",
    "verdicts_table",
]
