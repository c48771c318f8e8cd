"""MLflow's local database: made whole or not at all, and written ahead where one machine uses it."""

import os
import sqlite3
from collections.abc import Callable
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any

NEW = ".new"  # ends the name of a database that is being made


def create(uri: str, fill: Callable[[str], object]) -> None:
    """Makes the database of `sqlite:///PATH` under another name first, unless it is there.

    MLflow makes its tables in dozens of steps that SQLite does not undo: a driver killed among them would leave a
    database that no later one can use.

    Args:
        uri: where it is to be.
        fill: makes the tables of the database at the URI it is given.
    """
    path = Path(uri.removeprefix("sqlite:///"))
    if path.exists():
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    new = path.with_name(f"{path.name}.{os.getpid()}{NEW}")
    new.unlink(missing_ok=True)
    fill(f"sqlite:///{new}")
    if path.exists():  # another command was faster
        new.unlink()
    else:
        os.replace(new, path)


@cache
def tune() -> None:
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
        if str(connection.execute("PRAGMA database_list").fetchone()[2]).endswith(NEW):
            return  # it will be renamed, a log of its own would not
        with suppress(sqlite3.OperationalError):  # somebody else has it open: it stays as it is
            connection.execute(f"PRAGMA journal_mode={'DELETE' if os.environ.get('RAY_ADDRESS') else 'WAL'}")
        connection.execute("PRAGMA synchronous=NORMAL")
