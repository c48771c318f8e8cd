"""The verdicts of all studies in one table: declared beside the paper's tool, the paper's numbers beside ours. Pure."""

import math
from collections.abc import Iterable, Sequence

from rich.table import Table

from study.evidence import ClaimRow, Judged, at_both_priors
from study.reporting.tables.cells import make_table, show_number
from study.studies import family_of

TITLE = "verdicts on the papers' claims"
WIDE_COLUMNS = (
    "study",
    "claim",
    "says",
    "paper",
    "as declared",
    "size",
    "under the paper's tool's defaults",
    "size there",
    "1.0.0 said",
    "why it changed",
)


def verdicts_table(rows: Sequence[ClaimRow]) -> Table:
    """Returns one row per claim with its two verdicts, for a terminal."""
    columns = ("study", "claim", "as declared", "tool's defaults")
    table = make_table(TITLE, columns, text=columns, unbroken=[])
    for row, is_first in _with_first(rows):
        table.add_row(
            _where(row) if is_first else "", row.claim.id, _in_short(_declared(row)), _in_short(_of_tool(row))
        )
    return table


def full_verdicts_table(rows: Sequence[ClaimRow]) -> Table:
    """Returns one row per claim with intervals, adjusted p, sizes beside the paper's, and what 1.0.0 said."""
    table = make_table(TITLE, WIDE_COLUMNS, text=WIDE_COLUMNS, unbroken=[])
    for row in rows:
        declared, of_tool = _declared(row), _of_tool(row)
        has_changed = declared is not None and row.before not in ("", declared.answer)
        table.add_row(
            _where(row),
            row.claim.id,
            row.claim.sentence,
            f"{row.paper:+.3f}: {row.paper_says}" if row.paper_says else "-",
            _at_length(declared),
            _size(declared),
            _at_length(of_tool),
            _size(of_tool),
            row.before or "-",
            declared.reason if has_changed and declared is not None else "",
        )
    return table


def priors_table(rows: Sequence[ClaimRow]) -> Table | None:
    """Returns one row per pair and defaults: its gain in the rare class's F1 at 1:1 and at the training prevalence."""
    columns = ("where", "defaults", "gain, tested at 1:1", "gain, as rare as in training")
    table = make_table("what a final BN is worth at both priors", columns, text=columns, unbroken=[])
    for balanced, training in at_both_priors(rows):
        for profile, judged in sorted(balanced.judged.items()):
            if profile in training.judged:
                where = place_of(balanced)
                both = (_at_length(each) for each in (judged, training.judged[profile]))
                table.add_row(where, profile or "as declared", *both)
    return table if table.row_count else None


def place_of(balanced: ClaimRow) -> str:
    """Returns "table4 Apple, data.split=blocked" of a row whose claim is an H0: where its gain was measured."""
    return _where(balanced).replace(balanced.study, f"{balanced.study}{balanced.claim.id.removeprefix('H0')}", 1)


def how_verdicts_are_made(rows: Iterable[ClaimRow]) -> str:
    """Returns what a reader of the table has to know, in Markdown."""
    profiles = sorted({profile for row in rows for profile in row.judged})
    sizes = ", ".join(f"{len(family_of(profile))} ({profile or 'as declared'})" for profile in profiles)
    return (
        "Intervals are 95 %; of digits and leaves, whose training and test images every seed draws from one pool, by "
        "the corrected resampled t test, and in brackets after `seeds` over seeds alone. `p` is of the t test, "
        f"adjusted by Holm over the primary claims ({sizes}; study/studies/family.py), the others have none. `size` is "
        "our effect over the paper's, and whether the paper's lies in our interval. `paper` is the same statistic of "
        "its printed means, and what the same rule says of it."
    )


def _with_first(rows: Sequence[ClaimRow]) -> Iterable[tuple[ClaimRow, bool]]:
    before = ""
    for row in rows:
        yield row, _where(row) != before
        before = _where(row)


def _where(row: ClaimRow) -> str:
    return f"{row.study}, {row.changes}" if row.changes else row.study


def _declared(row: ClaimRow) -> Judged | None:
    return row.judged.get("")


def _of_tool(row: ClaimRow) -> Judged | None:
    return next((judged for profile, judged in row.judged.items() if profile), None)


def _in_short(judged: Judged | None) -> str:
    return "-" if judged is None else f"{show_number(judged.verdict.difference.mean, '+.3f')} {judged.answer}"


def _at_length(judged: Judged | None) -> str:
    if judged is None:
        return "-"
    difference = judged.verdict.difference
    if math.isnan(difference.low):
        return f"{show_number(difference.mean, '+.3f')}: {judged.answer}"
    interval = f"{difference.mean:+.3f} [{difference.low:+.3f}, {difference.high:+.3f}]"
    if not math.isnan(half := difference.half_width_over_seeds):
        interval += f", seeds [{difference.mean - half:+.3f}, {difference.mean + half:+.3f}]"
    p = "" if math.isnan(judged.adjusted_p) else f", p {judged.adjusted_p:.2g}"
    return f"{interval}, n {difference.n}{p}: {judged.answer}"


def _size(judged: Judged | None) -> str:
    if judged is None or math.isnan(judged.ratio):
        return "-"
    where = "" if judged.holds_paper is None else ", paper's inside" if judged.holds_paper else ", paper's outside"
    return f"{judged.ratio:.2f}{where}"
