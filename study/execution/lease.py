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

from trainables.common import MIB, ConfigurationError, RecordError
from trainables.storage import RunFolder

log = logging.getLogger(__name__)

NAME = "driver-lease.json"
BEAT, EXPIRY = 5.0, 30.0  # seconds; a live driver beats six times before it counts as dead
LARGEST = MIB
SETTLE = 0.5  # seconds until the last of several writers has won
FIELDS = {"host": str, "pid": int, "token": str, "beat": int}  # of a lease that can be used


class Lease:
    """Holds the lease of a run folder while a `with` block lasts.

    Raises:
        ConfigurationError: another driver that lives works on this run folder; says which.
    """

    def __init__(self, folder: RunFolder, say: Callable[[str], object]) -> None:
        """Takes nothing yet; `say` hears of a wait."""
        self._folder, self._say, self._num_beats = folder, say, 0
        self._own_lease = {
            "host": socket.gethostname(),
            "machine": _machine(),
            "pid": os.getpid(),
            "token": secrets.token_hex(8),
        }
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._beat, name="lease", daemon=True)

    def __enter__(self) -> Self:
        lease = self._read()
        if lease is not None and not self._is_dead(lease):
            self._watch(lease)
        self._write()
        time.sleep(SETTLE)
        lease = self._read()
        if lease is not None and not self._is_own(lease):
            self._refuse(lease)
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._ended.set()
        self._thread.join()
        with suppress(RecordError):  # a store that does not answer now must not hide what the session brought
            lease = self._read()
            if lease is not None and self._is_own(lease):
                self._folder.remove(NAME)

    def _watch(self, first_lease: dict[str, Any]) -> None:
        """Waits until the other driver beats, which refuses this one, or has not for EXPIRY seconds."""
        self._say(f"a driver on {first_lease['host']} has worked here: seeing for {EXPIRY:g} s whether it lives")
        first_seen = time.monotonic()
        while time.monotonic() - first_seen < EXPIRY:
            time.sleep(min(1.0, BEAT))
            lease = self._read()
            if lease is None or self._is_dead(lease):
                return
            if lease != first_lease:
                self._refuse(lease)

    def _refuse(self, lease: dict[str, Any]) -> None:
        raise ConfigurationError(
            f"run folder {self._folder.url}: the driver {lease['pid']} on {lease['host']} is working on it; "
            "wait for it, stop it, or use another --runs"
        )

    def _is_own(self, lease: dict[str, Any]) -> bool:
        return bool(lease["token"] == self._own_lease["token"])

    def _is_dead(self, lease: dict[str, Any]) -> bool:
        """Whether the process of a lease is known to be gone; of other machines that cannot be known."""
        if lease.get("machine") != self._own_lease["machine"]:
            return False
        try:
            os.kill(int(lease["pid"]), 0)
        except ProcessLookupError:
            return True
        except PermissionError:
            return False
        return int(lease["pid"]) == os.getpid()  # left by this process, or by one before it in a container

    def _read(self) -> dict[str, Any] | None:
        """Returns the lease in the folder; None where none is or it is damaged."""
        try:
            lease = json.loads(self._folder.get(NAME, LARGEST) or "null")
        except (ValueError, RecursionError):  # no JSON, or no text
            return None
        is_whole = isinstance(lease, dict) and all(type(lease.get(name)) is kind for name, kind in FIELDS.items())
        return lease if is_whole and 0 < lease["pid"] < 2**31 else None

    def _write(self) -> None:
        self._num_beats += 1
        self._folder.put(NAME, json.dumps({**self._own_lease, "beat": self._num_beats}).encode())

    def _beat(self) -> None:
        while not self._ended.wait(BEAT):
            try:
                lease = self._read()
                if lease is not None and not self._is_own(lease):
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
