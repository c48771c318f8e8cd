"""One driver per run folder: a lease with a heartbeat. No clocks are compared, as machines disagree about the time.

A driver that finds a lease watches it: if its beat changes, another driver lives and this one is refused; if it stays
the same for EXPIRY seconds, or its process is gone from this machine, the lease is taken over.
"""

import json
import logging
import os
import secrets
import signal
import socket
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, Self

from trainables.errors import ConfigurationError, RecordError
from trainables.storage import RunFolder

log = logging.getLogger(__name__)

NAME = "driver-lease.json"
BEAT, EXPIRY = 5.0, 30.0  # seconds; a live driver beats six times before it counts as dead
SETTLE = 0.5  # seconds until the last of several writers has won


class Lease:
    """Holds the lease of a run folder while a `with` block lasts.

    Raises:
        ConfigurationError: another driver that lives works on this run folder; says which.
    """

    def __init__(self, folder: RunFolder, say: Callable[[str], object]) -> None:
        """Takes nothing yet; `say` hears of a wait."""
        self._folder, self._say, self._beats = folder, say, 0
        self._mine = {
            "host": socket.gethostname(), "machine": _machine(), "pid": os.getpid(), "token": secrets.token_hex(8),
        }  # fmt: skip
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._beat, name="lease", daemon=True)

    def __enter__(self) -> Self:
        found = self._read()
        if found is not None and not self._is_dead(found):
            self._watch(found)
        self._write()
        time.sleep(SETTLE)
        now = self._read()
        if now is not None and now["token"] != self._mine["token"]:
            self._refuse(now)
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._ended.set()
        self._thread.join()
        with suppress(RecordError):  # a store that does not answer now must not hide what the session brought
            now = self._read()
            if now is not None and now["token"] == self._mine["token"]:
                self._folder.remove(NAME)

    def _watch(self, found: dict[str, Any]) -> None:
        """Waits until the other driver beats, which refuses this one, or has not for EXPIRY seconds."""
        self._say(f"a driver on {found['host']} has worked here: seeing for {EXPIRY:g} s whether it lives")
        first_seen = time.monotonic()
        while time.monotonic() - first_seen < EXPIRY:
            time.sleep(min(1.0, BEAT))
            now = self._read()
            if now is None or self._is_dead(now):
                return
            if now != found:
                self._refuse(now)

    def _refuse(self, other: dict[str, Any]) -> None:
        raise ConfigurationError(
            f"run folder {self._folder.url}: the driver {other['pid']} on {other['host']} is working on it; "
            "wait for it, stop it, or use another --runs"
        )

    def _is_dead(self, lease: dict[str, Any]) -> bool:
        """Whether its process is known to be gone; only this machine's can be known."""
        if lease.get("machine") != self._mine["machine"]:
            return False
        try:
            os.kill(int(lease["pid"]), 0)
        except ProcessLookupError:
            return True
        except PermissionError:
            return False
        return int(lease["pid"]) == os.getpid()  # left by this process, or by one before it in a container

    def _read(self) -> dict[str, Any] | None:
        try:
            found = json.loads(self._folder.get(NAME) or "null")
            return found if isinstance(found, dict) and {"host", "pid", "token", "beat"} <= found.keys() else None
        except ValueError:  # no JSON, or no text
            return None

    def _write(self) -> None:
        self._beats += 1
        self._folder.put(NAME, json.dumps({**self._mine, "beat": self._beats}).encode())

    def _beat(self) -> None:
        while not self._ended.wait(BEAT):
            try:
                now = self._read()
                if now is not None and now["token"] != self._mine["token"]:
                    log.error(
                        "another driver has taken this run folder over: this one was silent for too long; it ends"
                    )
                    os.kill(os.getpid(), signal.SIGTERM)  # two that write the same runs would undo each other's
                    return
                self._write()
            except Exception:  # a full disk or a store that is away ends runs with their own message, not this thread
                log.debug("no heartbeat", exc_info=True)


def _machine() -> str:
    """Returns what tells machines, and containers that count processes on their own, apart; host names can be alike."""
    try:
        return f"{Path('/proc/sys/kernel/random/boot_id').read_text().strip()} {os.readlink('/proc/self/ns/pid')}"
    except OSError:
        return socket.gethostname()
