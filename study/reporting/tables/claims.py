"""Verdicts -> the table of claims. Pure."""

import math
from collections.abc import Iterable

from rich.table import Table

from study.evidence import Verdict
from study.reporting.tables.cells import make_table, show_number

COLUMNS = ("claim", "says", "statistic", "value", "95 % interval", "p", "n", "verdict", "because")


def claims_table(verdicts: Iterable[Verdict]) -> Table:
    """Returns one row per claim: the sentence, its statistic with the interval, and what follows from it."""
    table = make_table("claims", COLUMNS, text=COLUMNS, unbroken=[])
    for verdict in verdicts:
        difference = verdict.difference
        has_interval = not math.isnan(difference.low)
        table.add_row(
            verdict.claim.id,
            verdict.claim.sentence,
            verdict.statistic,
            show_number(difference.mean, "+.3f"),
            f"[{difference.low:+.3f}, {difference.high:+.3f}]" if has_interval else "-",
            show_number(difference.p),
            str(difference.n),
            verdict.verdict,
            verdict.reason,
        )
    return table
