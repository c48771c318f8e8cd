"""What a command prints on, and how: whatever names come from outside, they are shown, never acted on.

Light: rich is imported where something is printed on it.
"""

import sys
from io import IOBase
from typing import TYPE_CHECKING, Any, TextIO

from trainables.common import printable

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

    from trainables.storage import RunFolder

WIDE = 240  # columns of a table that goes to a file or a pipe: never cut

_quiet = False


def console(wide: bool = False) -> "Console":
    """Returns a console that cuts nothing when its output is not a terminal; NO_COLOR turns its colours off.

    Args:
        wide: as wide as a table may be, whatever the terminal; `less -S` shows such lines.
    """
    from rich.console import Console

    screen = Console(emoji=False, markup=False)
    return Console(width=WIDE, emoji=False, markup=False) if wide or not screen.is_terminal else screen


def set_quiet(quiet: bool) -> None:
    """Says whether this process leaves out how far it is."""
    global _quiet
    _quiet = quiet


def is_quiet() -> bool:
    """Whether `--quiet` was given: results, warnings and errors only."""
    return _quiet


def say(text: object, to: "Console | TextIO | None" = None) -> None:
    """Prints one line on a console or a stream (default: stdout), escaped where it needs to be, never folded."""
    if to is None or isinstance(to, IOBase) or not hasattr(to, "print"):
        print(printable(text), file=to or sys.stdout, flush=True)
    else:
        to.print(printable(text), highlight=False, soft_wrap=True)


def say_left_out(folder: "RunFolder") -> bool:
    """Names on stderr every file of a run folder that could not be understood; returns whether there was one."""
    for name, reason in folder.left_out.items():
        say(f"left out: {name}: {reason}", sys.stderr)
    return bool(folder.left_out)


def shown_table(title: str, **style: Any) -> "Table":
    """Returns a table without columns whose title, headers and cells are escaped where they need to be.

    Args:
        title: stands above the table, at the left.
        style: what else `rich.table.Table` takes.
    """
    from rich.table import Table

    class ShownTable(Table):
        def add_column(self, header: Any = "", *arguments: Any, **options: Any) -> None:
            super().add_column(_shown(header), *arguments, **options)

        def add_row(self, *cells: Any, **options: Any) -> None:
            super().add_row(*map(_shown, cells), **options)

    return ShownTable(title=printable(title), title_justify="left", **style)


def _shown(cell: Any) -> Any:
    from rich.text import Text

    if isinstance(cell, Text):
        return cell if cell.plain.isprintable() else Text(printable(cell.plain), style=cell.style)
    return printable(cell) if isinstance(cell, str) else cell
