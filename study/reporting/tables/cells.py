"""What tables have in common: how they begin, and how numbers are printed in their cells."""

import math
from collections.abc import Collection, Iterable, Mapping
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.table import Table

from study.commandline import shown_table
from study.evidence import Interval

GAP = 2  # characters between two columns


def make_table(
    title: str, columns: Iterable[str], text: Collection[str] = (), unbroken: Collection[str] | None = None
) -> Table:
    """Returns a table without rows.

    Args:
        title: stands above the table, at the left.
        columns: the headers, in their order.
        text: the columns that are text, at the left of their cells; the others are numbers, at the right.
        unbroken: the columns whose cells keep to one line on a narrow screen; default: all.
    """
    table = shown_table(title, box=SIMPLE_HEAD, show_edge=False, padding=(0, GAP - 1, 0, 0))
    for name in columns:
        table.add_column(
            name, justify="left" if name in text else "right", no_wrap=unbroken is None or name in unbroken
        )
    return table


def fit(table: Table, width: int, dispensable: Iterable[str]) -> Table:
    """Leaves out columns of a table where a screen is too narrow for it, and returns it; names may take more lines.

    Args:
        table: with rows; its first column has names.
        width: of the screen, in characters.
        dispensable: headers, the first to go first.
    """
    whole = {column.header: _longest([column.header, *column.cells]) for column in table.columns}
    broken = {column.header: _longest([*str(column.header).split(), *column.cells]) for column in table.columns}
    names = table.columns[0]
    broken[names.header] = _longest(word for cell in [names.header, *names.cells] for word in str(cell).split())

    def total(widths: Mapping[Any, int]) -> int:
        return sum(widths[column.header] + GAP for column in table.columns)

    if total(whole) <= width:
        return table
    for header in dispensable:
        if total(broken) > width:
            table.columns = [column for column in table.columns if column.header != header]
    for column in table.columns[1:]:
        column.width = broken[column.header]
    names.width = min(whole[names.header], max(broken[names.header], width - total(broken) + broken[names.header]))
    return table


def _longest(cells: Iterable[object]) -> int:
    return max(len(str(cell)) for cell in cells)


def show(interval: Interval) -> str:
    """Returns "0.889 ± 0.012", the mean alone where there is no interval, "-" where there is nothing."""
    if math.isnan(interval.mean):
        return "-"
    return f"{interval.mean:.3f}" + ("" if math.isnan(interval.low) else f" ± {interval.half_width:.3f}")


def show_number(value: float | None, form: str = ".3g") -> str:
    """Returns a number in a format, "" where there is none, "-" where it is undefined."""
    if value is None:
        return ""
    return "-" if math.isnan(value) else format(value, form)
