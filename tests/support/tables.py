"""Tables as tests read them."""

from rich.table import Table


def rows_of(table: Table | None) -> list[list[str]]:
    """Returns the cells of a table, row by row."""
    assert table is not None
    return [list(row) for row in zip(*([str(cell) for cell in column.cells] for column in table.columns), strict=True)]


def header_of(table: Table) -> list[str]:
    """Returns the names of a table's columns."""
    return [str(column.header) for column in table.columns]
