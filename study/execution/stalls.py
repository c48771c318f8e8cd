"""Trials that do not come forward: said with host and stack, and ended where a time is given, to be tried again.

A trial reports after every epoch, or every second where epochs are shorter. One that has been silent for ten times the
longest time between two reports so far, and for ten minutes at least, hangs: a stopped process, a disk that does not
answer, a deadlock.
"""

import logging
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Hashable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import ray
from ray import tune
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from trainables.common import first_line

log = logging.getLogger(__name__)

TIMES_THE_SLOWEST, AT_LEAST = 10, 600.0  # seconds
SECONDS_PER_LOOK = 1.0
SECONDS_TO_ANSWER = 60.0  # of a node: a process for the look may have to start
FRAMES = 12  # of a stack that are shown
WORKER = "ray::"  # begins the name of a process that may be ended


@dataclass(frozen=True)
class Stall:
    """A trial that hangs.

    Attributes:
        key: of the trial.
        seconds: since it was last heard of.
        is_over: whether it has hung for the time after which it is to be ended.
    """

    key: Hashable
    seconds: float
    is_over: bool


class Watch:
    """Knows when each trial was last heard of. Pure: the time is handed in."""

    def __init__(self, end_after: float | None = None) -> None:
        """`end_after` seconds of silence a trial is over; None for never."""
        self._end_after, self._slowest = end_after, 0.0
        self._heard: dict[Hashable, float] = {}
        self._said: set[Hashable] = set()

    def heard(self, key: Hashable, now: float) -> None:
        """Notes a report of a trial."""
        if key in self._heard:
            self._slowest = max(self._slowest, now - self._heard[key])
        self._begin(key, now)

    def look(self, underway: Iterable[Hashable], now: float) -> list[Stall]:
        """Returns the trials that hang since the last look, and each that is over, whose time then begins anew."""
        keys = set(underway)
        for key in self._heard.keys() - keys:
            del self._heard[key]
        for key in keys - self._heard.keys():
            self._begin(key, now)
        stalls = []
        for key, heard in self._heard.items():
            seconds = now - heard
            is_over = self._end_after is not None and seconds >= self._end_after
            hangs = seconds >= max(AT_LEAST, TIMES_THE_SLOWEST * self._slowest)
            if is_over or (hangs and key not in self._said):
                stalls.append(Stall(key, seconds, is_over))
        for stall in stalls:
            self._said.add(stall.key)
            if stall.is_over:
                self._begin(stall.key, now)
        return stalls

    def _begin(self, key: Hashable, now: float) -> None:
        self._heard[key] = now
        self._said.discard(key)


class StallCallback(tune.Callback):
    """Watches the trials of a launch from Tune's loop, which turns several times a second whatever trials do."""

    def __init__(self, end_after: float | None, name_of: Callable[[Any], str]) -> None:
        """`name_of` a trial of Tune's is what a line calls it."""
        self._watch, self._name_of = Watch(end_after), name_of
        self._end_after, self._last_look = end_after, 0.0
        self._places: dict[str, tuple[str, int]] = {}  # actor -> its node's address and its process there

    def __getstate__(self) -> dict[str, Any]:
        return {}  # Tune's storage is scratch and never restored

    def on_trial_result(
        self, iteration: int, trials: list[Any], trial: Any, result: dict[str, Any], **info: Any
    ) -> None:
        """Notes that a trial was heard of, and where."""
        self._places[repr(trial.temporary_state.ray_actor)] = result["node_ip"], result["pid"]
        self._watch.heard(_key(trial), time.monotonic())

    def on_step_end(self, iteration: int, trials: list[Any], **info: Any) -> None:
        """Looks at all trials, once a second."""
        now = time.monotonic()
        if now - self._last_look < SECONDS_PER_LOOK:
            return
        self._last_look = now
        underway = {_key(trial): trial for trial in trials if trial.temporary_state.ray_actor is not None}
        for stall in self._watch.look(underway, now):
            trial = underway[stall.key]
            place = self._places.get(repr(trial.temporary_state.ray_actor)) or _place_of_new(trial)
            threading.Thread(target=self._tell, args=(self._name_of(trial), place, stall), daemon=True).start()

    def _tell(self, name: str, place: tuple[str, int] | None, stall: Stall) -> None:
        """Says that a trial hangs, and ends its process where that is due; in a thread, as a node may not answer."""
        silent = f"{name}: no report for {stall.seconds:.0f} s"
        advice = "" if self._end_after else "; --stall-timeout SECONDS ends and retries such trials"
        if place is None:
            log.warning("%s, and its process cannot be asked%s", silent, advice)
            return
        address, pid = place
        try:
            nodes = [node["NodeID"] for node in ray.nodes() if node["Alive"] and node["NodeManagerAddress"] == address]
            there = NodeAffinitySchedulingStrategy(nodes[0], soft=False)
            answer = _look.options(scheduling_strategy=there).remote(pid, stall.is_over)
            state = ray.get(answer, timeout=SECONDS_TO_ANSWER)
            end = "; ended, to be tried again" if stall.is_over else advice
        except Exception as error:  # Ray's, of a node that hangs too or has gone
            state, end = f"its node does not answer ({first_line(error)})", ""
        log.warning("%s, process %d on %s: %s%s", silent, pid, address, state, end)


def _key(trial: Any) -> Hashable:
    return trial.trial_id, repr(trial.temporary_state.ray_actor)  # tried again it has another actor


def _place_of_new(trial: Any) -> tuple[str, int] | None:
    """Returns where a trial runs that never reported, as Tune asks every new actor; None where that is not known."""
    with suppress(Exception):  # Tune's inner matters
        answer = trial._default_result_or_future
        if isinstance(answer, ray.ObjectRef):
            answer = ray.get(answer, timeout=1)
        return answer["node_ip"], answer["pid"]
    return None


@ray.remote(num_cpus=0)
def _look(pid: int, end: bool) -> str:
    """Returns the state of a worker of this node and, by py-spy, where it is; ends it if asked."""
    import psutil

    try:
        process = psutil.Process(pid)
        if not process.name().startswith(WORKER):
            return "it is gone"
        state = f"it is {process.status()}"
    except psutil.Error:
        return "it is gone"
    stack = _stack(pid)
    if end:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)  # a stopped process takes no other signal
    return f"{state}{stack}"


def _stack(pid: int) -> str:
    """Returns the frames of a process's main thread on one line, " at ..."; "" where py-spy is missing or may not."""
    spy = shutil.which("py-spy") or str(Path(sys.executable).with_name("py-spy"))
    with suppress(OSError, subprocess.SubprocessError):
        command = [spy, "dump", "--nonblocking", "--pid", str(pid)]
        dump = subprocess.run(command, capture_output=True, text=True, timeout=20, check=True).stdout
        frames = dump.partition("MainThread")[2].splitlines()[1 : FRAMES + 1]
        names = [frame.strip() for frame in frames if frame.startswith("    ")]
        return f" at {' < '.join(names)}" if names else ""
    return ""
