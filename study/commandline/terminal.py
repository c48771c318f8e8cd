"""What a command prints on, and how: whatever names come from outside, they are shown, never acted on."""

from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from trainables.printable import printable

WIDE = 240  # columns of a table that goes to a file or a pipe: never cut


def console() -> Console:
    """Returns a console that cuts nothing when its output is not a terminal."""
    screen = Console(emoji=False, markup=False)
    return screen if screen.is_terminal else Console(width=WIDE, emoji=False, markup=False)


class ShownTable(Table):
    """A table whose title, headers and cells are escaped where they need to be."""

    def __init__(self, title: str) -> None:
        super().__init__(title=printable(title), title_justify="left")

    def add_column(self, header: Any = "", *arguments: Any, **options: Any) -> None:
        """Adds a column."""
        super().add_column(_shown(header), *arguments, **options)

    def add_row(self, *cells: Any, **options: Any) -> None:
        """Adds a row."""
        super().add_row(*map(_shown, cells), **options)


def _shown(cell: Any) -> Any:
    if isinstance(cell, Text):
        return cell if cell.plain.isprintable() else Text(printable(cell.plain), style=cell.style)
    return printable(cell) if isinstance(cell, str) else cell
