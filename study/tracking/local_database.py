"""MLflow's local database: made whole or not at all, looked at before MLflow waits for it, and written ahead."""

import os
import sqlite3
from collections.abc import Callable
from contextlib import closing, suppress
from functools import cache
from pathlib import Path
from typing import Any

from sqlalchemy import make_url

from study.locations import sqlite_uri
from trainables.storage import make_private, make_private_folder

ENDING_WHILE_MADE = ".new"  # of the name of a database that has not all its tables yet
SECONDS = 5.0  # that a look waits for another program to let go of a database


def create(uri: str, fill: Callable[[str], object]) -> None:
    """Makes the database of an SQLite URI unless it exists: under another name first, renamed when it is whole.

    MLflow makes its tables in dozens of steps that SQLite does not undo: a driver killed among them would leave a
    database that no later one can use.

    Args:
        uri: of the database; one in memory, or a `file:` of SQLite's own, is left to MLflow.
        fill: makes the tables of the database at the URI that it is called with.
    """
    path = _path_of(uri)
    if path is None or path.exists():
        return
    make_private_folder(path.parent)
    unfinished = path.with_name(f"{path.name}.{os.getpid()}{ENDING_WHILE_MADE}")
    unfinished.unlink(missing_ok=True)
    fill(sqlite_uri(unfinished))
    make_private(unfinished)
    if path.exists():  # another command was faster
        unfinished.unlink()
    else:
        os.replace(unfinished, path)


def check(uri: str) -> None:
    """Raises sqlite3.Error or OSError where an existing SQLite database cannot be written now.

    MLflow would ask a locked or damaged one ten times, for minutes.
    """
    path = _path_of(uri)
    if path is None or not path.exists():
        return
    if not path.is_file():
        raise OSError(f"{path} is no regular file")
    with closing(sqlite3.connect(path, timeout=SECONDS, isolation_level=None)) as connection:
        connection.execute("BEGIN IMMEDIATE")
        connection.execute("ROLLBACK")


def _path_of(uri: str) -> Path | None:
    """Returns the file of an SQLite URI; None where it names none."""
    database = make_url(uri).database
    is_file = database is not None and database != ":memory:" and not database.startswith("file:")
    return Path(database) if database and is_file else None


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
