"""This project's commands in this process, which is quick; `faults.start` gives them one of their own."""

import contextlib
import importlib
import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from study.commandline import run_command

MODULES = {"export": "study.exporting"}  # what `python -m NAME` runs, where that is a stub


@dataclass(frozen=True)
class Ended:
    """What a command printed, and its exit code."""

    returncode: int
    stdout: str
    stderr: str


def run_here(name: str, *arguments: str, runs: Path | None = None) -> Ended:
    """Runs the command NAME of `python -m NAME` in this process, to the exit code that its process would have.

    Ray, where the command starts it, stays for the next one: tests that use this with trials take `ray_local`.
    """
    main = importlib.import_module(MODULES.get(name, name)).main
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            run_command(main, _with_runs(arguments, runs))
        except SystemExit as ended:
            return Ended(int(ended.code or 0), out.getvalue(), err.getvalue())
    raise AssertionError("a command ends by sys.exit")


def _with_runs(arguments: Sequence[str], runs: Path | None) -> list[str]:
    return [*arguments, *([] if runs is None else ["--runs", str(runs)])]
