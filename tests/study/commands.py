"""This project's commands as a user runs them: a process each."""

import subprocess
import sys
from pathlib import Path

from tests.faults.aftermath import ROOT


def python(*arguments: str, runs: Path | None = None) -> "subprocess.CompletedProcess[str]":
    """Runs `python -m ARGUMENTS [--runs RUNS]` to its end, whatever that is."""
    places = [] if runs is None else ["--runs", str(runs)]
    command = [sys.executable, "-m", *arguments, *places]
    return subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=False)
