"""What a person sees while runs go on: a bar on a terminal, a line every few seconds in a log."""

import math
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Protocol, Self

from rich.console import Console, RenderableType
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.text import Text

from study.commandline import is_quiet
from trainables.configuration import Trial

SECONDS_PER_LINE = 10.0


@contextmanager
def doing(console: Console, what: str) -> Iterator[None]:
    """Says what goes on while there is nothing to count: beside a spinner on a terminal, on a line in a log."""
    if is_quiet():
        yield
    elif console.is_terminal:
        with console.status(what):
            yield
    else:
        console.print(what, highlight=False, soft_wrap=True)
        yield


class Board(Protocol):
    """Shows how far things are: how many are done (parts of them counted too), how many failed, the best so far."""

    def show(self, num_done: float, num_failed: int, best: str) -> None:
        """Shows the state of now; `best` is a text, "" for none."""

    def close(self) -> None:
        """Shows the last state and ends."""


class RunProgress:
    """Counts runs and their epochs, and remembers the best validation score; an observer of trials.py."""

    def __init__(self, total: int, already_done: int, console: Console) -> None:
        self._board = _board(total, already_done, console, "training runs")
        self._num_finished, self._num_failed = already_done, 0
        self._runs_underway: dict[Trial, float] = {}  # its share that is trained, times its seeds
        self._best, self._best_arm = -math.inf, ""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self._board.close()

    def epoch_done(self, trial: Trial, epoch: int, validation_minority_f1: float) -> None:
        """Counts the share of a trial that is trained."""
        share = epoch / trial.configuration.schedule.epochs
        self._runs_underway[trial] = min(share, 1) * len(trial.seeds)
        if validation_minority_f1 > self._best:
            self._best, self._best_arm = validation_minority_f1, trial.arm
        self._show()

    def trial_done(self, trial: Trial, failures: dict[int, str]) -> None:
        """Counts a trial's runs as finished."""
        self._runs_underway.pop(trial, None)
        self._num_finished += len(trial.seeds)
        self._num_failed += len(failures)
        self._show()

    def _show(self) -> None:
        best = f"best validation F1 {self._best:.2f} ({self._best_arm})" if self._best > -math.inf else ""
        self._board.show(self._num_finished + sum(self._runs_underway.values()), self._num_failed, best)


def _board(total: int, already_done: int, console: Console, doing: str) -> Board:
    shown = Console(quiet=True) if is_quiet() else console
    return (_Bar if shown.is_terminal else _Lines)(total, already_done, shown, doing)


class _Bar:
    """A bar that moves, on a terminal, with what it counts before it and a note on a line of its own below it."""

    def __init__(self, total: int, already_done: int, console: Console, doing: str) -> None:
        self._bar = _BarAboveNote(
            TextColumn("{task.description}"),
            MofNCompleteColumn(),
            BarColumn(bar_width=20),
            TimeElapsedColumn(),
            TextColumn("so far,"),
            TimeRemainingColumn(),
            TextColumn("left"),
            console=console,
        )
        self._task = self._bar.add_task(doing, total=total, completed=already_done)
        self._bar.start()

    def show(self, num_done: float, num_failed: int, best: str) -> None:
        failures = f"{num_failed} failed" if num_failed else ""
        self._bar.note = ", ".join(filter(None, [failures, best]))
        self._bar.update(self._task, completed=int(num_done))

    def close(self) -> None:
        self._bar.stop()


class _BarAboveNote(Progress):
    note = ""

    def get_renderables(self) -> Iterable[RenderableType]:
        yield self.make_tasks_table(self.tasks)
        if self.note:
            yield Text(self.note)


class _Lines:
    """A line now and then, in a log."""

    def __init__(self, total: int, already_done: int, console: Console, doing: str) -> None:
        self._total, self._already_done, self._console, self._doing = total, already_done, console, doing
        self._started = self._last_line_at = time.monotonic()
        self._line = ""

    def show(self, num_done: float, num_failed: int, best: str) -> None:
        now = time.monotonic()
        num_done_here = num_done - self._already_done
        eta = "?"
        if num_done_here:
            seconds_left = int((now - self._started) * (self._total - num_done) / num_done_here)
            eta = f"{seconds_left // 60}:{seconds_left % 60:02d}"
        count = f"{self._doing} {int(num_done)}/{self._total}"
        failures = f"{num_failed} failed" if num_failed else ""
        self._line = ", ".join(filter(None, [count, failures, f"{eta} left", best]))
        if now - self._last_line_at >= SECONDS_PER_LINE:
            self._last_line_at = now
            self._console.print(self._line, highlight=False)

    def close(self) -> None:
        if self._line:
            self._console.print(self._line, highlight=False)


class CountProgress:
    """Counts things as they are done."""

    def __init__(self, total: int, console: Console, doing: str) -> None:
        """Begins; `doing` says what is done with which things, such as "tuning, trials"."""
        self._board = _board(total, 0, console, doing)
        self._num_done = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self._board.close()

    def add(self, number: int = 1) -> None:
        """Counts so many more as done."""
        self._num_done += number
        self._board.show(self._num_done, 0, "")
