"""A command as a user runs it: wall time, and the peak memory of its driver and of everything it started."""

import os
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil

ROOT = Path(__file__).parents[2]
SAMPLING = 2.0  # seconds between two looks at memory, which cost the kernel a walk over every process's pages


@dataclass(frozen=True)
class Measured:
    """What a command took.

    Attributes:
        seconds: wall time from start to exit.
        driver: peak memory of its own process, MiB.
        others: peak memory of all processes that it started, together, MiB. Shared pages are divided among the
            processes that share them, where the system tells (Linux), so that nothing counts twice.
        output: its standard output.
    """

    seconds: float
    driver: float
    others: float
    output: str


def measure(command: Sequence[str], environment: Mapping[str, str] | None = None, folder: Path = ROOT) -> Measured:
    """Runs `python COMMAND...` in a folder and measures it.

    Raises:
        RuntimeError: the command failed; carries the end of what it said.
    """
    started = time.perf_counter()
    process = subprocess.Popen(
        [sys.executable, *command] if not Path(command[0]).is_absolute() else list(command),
        cwd=folder, env={**os.environ, **(environment or {})},
        text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )  # fmt: skip
    peaks = [0.0, 0.0]
    ended = threading.Event()
    watch = threading.Thread(target=_watch, args=(process.pid, peaks, ended))
    watch.start()
    output, _ = process.communicate()
    seconds = time.perf_counter() - started
    ended.set()
    watch.join()
    if process.returncode:
        raise RuntimeError(f"{' '.join(command)} exited with {process.returncode}: {output[-2000:]}")
    return Measured(seconds, peaks[0], peaks[1], output)


def _watch(pid: int, peaks: list[float], ended: threading.Event) -> None:
    while not ended.wait(SAMPLING):
        try:
            driver = psutil.Process(pid)
            found = (_memory(driver), sum(map(_memory, driver.children(recursive=True))))
        except psutil.Error:  # gone between two looks
            continue
        peaks[:] = map(max, peaks, found)


def _memory(process: psutil.Process) -> float:
    try:
        memory = process.memory_full_info()
    except psutil.Error:
        return 0.0
    return float(getattr(memory, "pss", memory.rss)) / 2**20
