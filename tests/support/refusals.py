"""Whether a command refuses what it is given: in one line, with the exit code of it, soon, and starting nothing."""

import os
import re
import signal
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from unittest import mock

import ray

from tests.support.commands import Ended, run_here

LONGEST_LINE = 2200  # characters, besides a path that is quoted
HANGS = 30.0  # seconds after which it is taken to wait for ever, also on a busy machine
# what acts on a terminal, turns a text around, or is not seen; a line end is allowed between lines
ACTS = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]")


@dataclass(frozen=True)
class Case:
    """A command line that is to be refused.

    Attributes:
        command: of `python -m COMMAND`.
        kind: what is wrong: its option, and how.
        arguments: of the command.
        runs: the run folder; None where the command takes none, or the arguments name it.
        codes: exit codes that it may end with.
    """

    command: str
    kind: str
    arguments: tuple[str, ...]
    runs: Path | None = None
    codes: frozenset[int] = frozenset({2})


@dataclass
class Verdict:
    """How a command took a case, with what is wrong with that; empty where nothing is."""

    case: Case
    ended: Ended | None
    seconds: float
    faults: list[str] = field(default_factory=list)


class Started(BaseException):
    """A command was about to start Ray."""


class Hangs(BaseException):
    """A command waits for ever."""


@contextmanager
def nothing_starts() -> Iterator[None]:
    """Raises Started where a command starts Ray."""

    def start(*_: object, **__: object) -> None:
        raise Started

    with mock.patch.object(ray, "init", start):
        yield


def judge(case: Case) -> Verdict:
    """Gives a case to its command and says what is wrong with how that took it; needs `nothing_starts` around."""

    def hangs(_: int, __: FrameType | None) -> None:
        raise Hangs

    before = signal.signal(signal.SIGALRM, hangs)
    signal.setitimer(signal.ITIMER_REAL, HANGS)
    began, ended = sum(os.times()[:4]), None
    faults = []
    try:
        ended = run_here(case.command, *case.arguments, runs=case.runs)
    except Hangs:
        faults.append("it waits for ever")
    except Started:
        faults.append("it is taken: Ray would start")
    except BaseException as error:
        faults.append(f"{type(error).__name__} comes out: {error!r}")
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    seconds = sum(os.times()[:4]) - began
    if ended is not None:
        faults += _faults(case, ended)
    return Verdict(case, ended, seconds, faults)


def _faults(case: Case, ended: Ended) -> Iterator[str]:
    if ended.returncode not in case.codes:
        yield f"exit code {ended.returncode}"
    said = ended.stderr or (ended.stdout if ended.returncode == 1 else "")
    lines = said.splitlines()
    usage = said.startswith("usage: ")  # argparse's own, of the commands that need nothing of this project
    if len(lines) != 1 and not (usage and "error: " in lines[-1]):
        yield f"{len(lines)} lines"
    if "Traceback" in ended.stdout + ended.stderr:
        yield "a traceback"
    if ACTS.search(ended.stdout + ended.stderr):
        yield "what it quotes acts on a terminal"
    longest = LONGEST_LINE + (len(max(case.arguments, key=len)) if case.kind.startswith("path") else 0)
    if any(len(line) > longest for line in lines):
        yield f"a line of more than {longest} characters"


def print_totals(verdicts: Iterable[Verdict]) -> None:
    """Prints how many of each command were refused, the slowest, and every fault."""
    of_command: dict[str, list[Verdict]] = defaultdict(list)
    for verdict in verdicts:
        of_command[verdict.case.command].append(verdict)
    print(f"{'command':<18} {'cases':>5} {'refused':>7} {'exit 2':>6} {'exit 1':>6} {'slowest':>8}")
    every = [verdict for of_one in of_command.values() for verdict in of_one]
    for name, of_one in [*of_command.items(), ("together", every)]:
        codes = Counter(verdict.ended.returncode for verdict in of_one if verdict.ended)
        refused = sum(not verdict.faults for verdict in of_one)
        slowest = max(verdict.seconds for verdict in of_one)
        print(f"{name:<18} {len(of_one):>5} {refused:>7} {codes[2]:>6} {codes[1]:>6} {slowest:>6.2f} s")
    for verdict in every:
        if verdict.faults:
            said = (verdict.ended.stderr or verdict.ended.stdout)[-400:] if verdict.ended else ""
            arguments = " ".join(verdict.case.arguments)[:200]
            print(ascii(f"{verdict.case.command}, {verdict.case.kind}: {'; '.join(verdict.faults)}: {arguments}")[1:-1])
            print(f"    said: {said!a}")
