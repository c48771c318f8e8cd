"""Lines that a command prints: whatever names come from outside, they are shown, never acted on. Light: no rich."""

import sys
from io import IOBase
from typing import TYPE_CHECKING, TextIO

from trainables.printable import printable

if TYPE_CHECKING:
    from rich.console import Console

    from trainables.storage import RunFolder


def say(text: object, to: "Console | TextIO | None" = None) -> None:
    """Prints one line on a console or a stream (default: stdout), escaped where it needs to be, never folded."""
    if to is None or isinstance(to, IOBase) or not hasattr(to, "print"):
        print(printable(text), file=to or sys.stdout, flush=True)  # type: ignore[arg-type]
    else:
        to.print(printable(text), highlight=False, soft_wrap=True)


def say_left_out(folder: "RunFolder") -> bool:
    """Names on stderr every file of a run folder that could not be understood; returns whether there was one."""
    for name, reason in folder.left_out.items():
        say(f"left out: {name}: {reason}", sys.stderr)
    return bool(folder.left_out)
