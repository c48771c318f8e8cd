"""This project's commands: in this process, which is quick, or in one of their own, where the process is the point."""

import contextlib
import importlib
import io
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from study.commandline import run_command
from tests.support.faults import ROOT

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


def run_process(name: str, *arguments: str, runs: Path | None = None) -> Ended:
    """Runs `python -m NAME ARGUMENTS [--runs RUNS]` in a process of its own, to its end, whatever that is."""
    ended = subprocess.run(
        [sys.executable, "-m", name, *_with_runs(arguments, runs)],
        capture_output=True, text=True, cwd=ROOT, check=False,
    )  # fmt: skip
    return Ended(ended.returncode, ended.stdout, ended.stderr)


def _with_runs(arguments: Sequence[str], runs: Path | None) -> list[str]:
    return [*arguments, *([] if runs is None else ["--runs", str(runs)])]
