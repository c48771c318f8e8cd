"""What a person sees while runs go on: a bar on a terminal, a line every few seconds in a log."""

import math
import time
from typing import Protocol, Self

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from trainables.run import Trial

SECONDS_PER_LINE = 10.0


class Board(Protocol):
    """Shows a state: runs done of all (`done` counts parts of runs too), failures, the best score so far."""

    def show(self, done: float, failed: int, best: str) -> None:
        """Shows the state now."""

    def close(self) -> None:
        """Shows the last state and ends."""


class RunProgress:
    """Counts runs and their epochs, and keeps the best validation score; an observer of study/execution/trials.py."""

    def __init__(self, total: int, already_done: int, console: Console) -> None:
        self._board: Board = (_Bar if console.is_terminal else _Lines)(total, already_done, console, "runs")
        self._finished, self._failed = float(already_done), 0
        self._parts: dict[Trial, float] = {}
        self._best, self._best_arm = -math.inf, ""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self._board.close()

    def epoch_done(self, trial: Trial, epoch: int, validation_minority_f1: float) -> None:
        """Counts the share of a trial that is trained."""
        share = epoch / trial.configuration.schedule.epochs
        self._parts[trial] = min(share, 1) * len(trial.seeds)
        if validation_minority_f1 > self._best:
            self._best, self._best_arm = validation_minority_f1, trial.arm
        self._show()

    def trial_done(self, trial: Trial, failures: dict[int, str]) -> None:
        """Counts a trial's runs as finished."""
        self._parts.pop(trial, None)
        self._finished += len(trial.seeds)
        self._failed += len(failures)
        self._show()

    def _show(self) -> None:
        best = f"best validation F1 {self._best:.2f} ({self._best_arm})" if self._best > -math.inf else ""
        self._board.show(self._finished + sum(self._parts.values()), self._failed, best)


class _Bar:
    def __init__(self, total: int, done: int, console: Console, unit: str) -> None:
        self._bar = Progress(
            TextColumn(unit), BarColumn(), MofNCompleteColumn(), TextColumn("{task.fields[note]}"),
            TimeElapsedColumn(), TextColumn("ETA"), TimeRemainingColumn(), console=console,
        )  # fmt: skip
        self._task = self._bar.add_task(unit, total=total, completed=done, note="")
        self._bar.start()

    def show(self, done: float, failed: int, best: str) -> None:
        note = ", ".join(filter(None, [f"[red]{failed} failed[/red]" if failed else "", best]))
        self._bar.update(self._task, completed=int(done), note=note)

    def close(self) -> None:
        self._bar.stop()


class _Lines:
    def __init__(self, total: int, done: int, console: Console, unit: str) -> None:
        self._total, self._done_at_start, self._console, self._unit = total, done, console, unit
        self._started = self._last_line = time.monotonic()
        self._line = ""

    def show(self, done: float, failed: int, best: str) -> None:
        now = time.monotonic()
        ran, elapsed = done - self._done_at_start, now - self._started
        left = elapsed * (self._total - done) / ran if ran else math.nan
        eta = "?" if math.isnan(left) else f"{int(left) // 60}:{int(left) % 60:02d}"
        parts = [f"{int(done)}/{self._total} {self._unit}", f"{failed} failed" if failed else "", f"ETA {eta}", best]
        self._line = ", ".join(filter(None, parts))
        if now - self._last_line >= SECONDS_PER_LINE:
            self._last_line = now
            self._console.print(self._line, highlight=False)

    def close(self) -> None:
        if self._line:
            self._console.print(self._line, highlight=False)


class CountProgress:
    """Counts things as they are done."""

    def __init__(self, total: int, console: Console, unit: str) -> None:
        self._board: Board = (_Bar if console.is_terminal else _Lines)(total, 0, console, unit)
        self._done = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self._board.close()

    def add(self, number: int = 1) -> None:
        """Counts so many more as done."""
        self._done += number
        self._board.show(self._done, 0, "")
