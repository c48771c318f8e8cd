"""Verdicts -> the table of claims. Pure."""

import math
from collections.abc import Iterable

from rich.table import Table

from study.evidence import PairedDifference, Verdict
from study.reporting.tables.cells import make_table, show_number

COLUMNS = ("claim", "says", "statistic", "value", "95 % interval", "t test p", "sign-flip p", "n", "verdict", "because")
OVER_SEEDS = "over seeds alone"  # the interval before it is corrected for a pool that every seed redraws


def claims_table(verdicts: Iterable[Verdict]) -> Table:
    """Returns one row per claim: the sentence, its statistic with the interval, and what follows from it."""
    listed = list(verdicts)
    has_pool = any(not math.isnan(verdict.difference.half_width_over_seeds) for verdict in listed)
    columns = [*COLUMNS[:5], OVER_SEEDS, *COLUMNS[5:]] if has_pool else list(COLUMNS)
    table = make_table("claims", columns, text=columns, unbroken=[])
    for verdict in listed:
        difference = verdict.difference
        has_interval = not math.isnan(difference.low)
        table.add_row(
            verdict.claim.id,
            verdict.claim.sentence,
            verdict.statistic,
            show_number(difference.mean, "+.3f"),
            f"[{difference.low:+.3f}, {difference.high:+.3f}]" if has_interval else "-",
            *([_over_seeds(difference)] if has_pool else []),
            show_number(verdict.t_p),
            show_number(difference.p),
            str(difference.n),
            verdict.verdict,
            verdict.reason,
        )
    return table


def _over_seeds(difference: PairedDifference) -> str:
    half = difference.half_width_over_seeds
    return "-" if math.isnan(half) else f"[{difference.mean - half:+.3f}, {difference.mean + half:+.3f}]"
