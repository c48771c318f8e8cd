"""MLflow's local database: made whole or not at all, and written ahead where one machine uses it."""

import os
import sqlite3
from collections.abc import Callable
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any

from trainables.storage import make_private, make_private_folder

ENDING_WHILE_MADE = ".new"  # of the name of a database that has not all its tables yet


def create(uri: str, fill: Callable[[str], object]) -> None:
    """Makes the database of `sqlite:///PATH` unless it exists: under another name first, renamed when it is whole.

    MLflow makes its tables in dozens of steps that SQLite does not undo: a driver killed among them would leave a
    database that no later one can use.

    Args:
        uri: of the database.
        fill: makes the tables of the database at the URI that it is called with.
    """
    path = Path(uri.removeprefix("sqlite:///"))
    if path.exists():
        return
    make_private_folder(path.parent)
    unfinished = path.with_name(f"{path.name}.{os.getpid()}{ENDING_WHILE_MADE}")
    unfinished.unlink(missing_ok=True)
    fill(f"sqlite:///{unfinished}")
    make_private(unfinished)
    if path.exists():  # another command was faster
        unfinished.unlink()
    else:
        os.replace(unfinished, path)


@cache
def write_ahead() -> None:
    """Lets SQLite append to a log instead of waiting for the disk at every commit, of which MLflow makes ten a run.

    A power cut can then cost the last commits, which `sync` makes good, but never the database. The log needs memory
    that all its users share, so on a cluster, whose folder other machines open too, it is off.
    """
    from sqlalchemy import event
    from sqlalchemy.engine import Engine

    @event.listens_for(Engine, "connect")
    def connected(connection: Any, _: Any) -> None:
        if not type(connection).__module__.startswith("sqlite3"):
            return
        file = str(connection.execute("PRAGMA database_list").fetchone()[2])
        if file.endswith(ENDING_WHILE_MADE):
            return  # it will be renamed, a log of its own would not
        with suppress(sqlite3.OperationalError):  # somebody else has it open: it stays as it is
            mode = "DELETE" if os.environ.get("RAY_ADDRESS") else "WAL"
            connection.execute(f"PRAGMA journal_mode={mode}")
        connection.execute("PRAGMA synchronous=NORMAL")
