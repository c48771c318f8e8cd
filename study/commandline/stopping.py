"""A command that is told to stop, by Ctrl-C, SIGTERM or a closed terminal, ends the same clean way, once."""

import logging
import os
import signal
import stat
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from types import FrameType
from typing import Any

log = logging.getLogger(__name__)

SIGNALS = [getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)]
SECONDS_OF_PATIENCE = 2.0  # after which another Ctrl-C does not wait for the clean end


class Stopped(KeyboardInterrupt):  # which no `except Exception` takes for an error
    """The command was told to stop.

    Attributes:
        number: of the signal.
        code: to exit with, 130 for Ctrl-C, else 143.
    """

    def __init__(self, number: int) -> None:
        super().__init__(signal.Signals(number).name)
        self.number, self.code = number, 130 if number == signal.SIGINT else 143


@contextmanager
def stop_on_signals() -> Iterator[None]:
    """Raises one `Stopped` in the main thread where SIGINT, SIGTERM or SIGHUP comes; one that is ignored stays so.

    What comes while the command ends is passed over (`timeout` sends two, a closed terminal too), and still is after
    the context: the process has Ray to end. Only Ctrl-C, after SECONDS_OF_PATIENCE, ends it at once.
    """
    told: list[tuple[int, float]] = []  # the signal that came first, and when

    def stop(number: int, _: FrameType | None) -> None:
        if not told:
            told.append((number, time.monotonic()))
            if number == getattr(signal, "SIGHUP", None):
                leave_terminal()
            raise Stopped(number)
        if number == signal.SIGINT and time.monotonic() - told[0][1] > SECONDS_OF_PATIENCE:
            os._exit(Stopped(told[0][0]).code)

    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.getsignal(number) for number in SIGNALS}
    replaced = {number: handler for number, handler in before.items() if handler is not signal.SIG_IGN}
    for number in replaced:
        signal.signal(number, stop)
    try:
        yield
    except BaseException:
        if not told:
            _restore(replaced)
            raise
        log.debug("while it ended", exc_info=True)  # Ray raises a KeyboardInterrupt of its own, or what it lost
    if told:
        raise Stopped(told[0][0])
    _restore(replaced)


def _restore(handlers: Mapping[int, Any]) -> None:
    for number, handler in handlers.items():
        signal.signal(number, handler)


def leave_terminal() -> None:
    """Lets output that nobody reads any more go nowhere: writing it would be an error of its own."""
    nowhere = os.open(os.devnull, os.O_RDWR)
    for descriptor in (1, 2):
        with suppress(OSError):
            kind = os.fstat(descriptor).st_mode
            if stat.S_ISCHR(kind) or stat.S_ISFIFO(kind) or stat.S_ISSOCK(kind):
                os.dup2(nowhere, descriptor)
    os.close(nowhere)
