"""What a command prints on."""

from rich.console import Console

WIDE = 240  # columns of a table that goes to a file or a pipe: never cut


def console() -> Console:
    """Returns a console that cuts nothing when its output is not a terminal."""
    screen = Console(emoji=False, markup=False)
    return screen if screen.is_terminal else Console(width=WIDE, emoji=False, markup=False)
