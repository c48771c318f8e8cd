"""What a command prints on, and whether it keeps quiet about how far it is."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console

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
