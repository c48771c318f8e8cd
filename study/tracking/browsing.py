"""MLflow's pages for a database: served on a free port of this machine for as long as somebody looks."""

import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from urllib.error import URLError
from urllib.request import urlopen

from study.locations import without_password
from study.tracking.connection import TrackingError

HOST = "127.0.0.1"
SECONDS_TO_START, SECONDS_TO_END = 300.0, 10.0


@dataclass(frozen=True)
class Server:
    """MLflow's pages.

    Attributes:
        address: "http://HOST:PORT", without a password.
        process: that serves them; None where somebody else's does.
    """

    address: str
    process: "subprocess.Popen[bytes] | None"


@contextmanager
def served(uri: str) -> Iterator[Server]:
    """Gives a server of an MLflow's pages: its own, or for a database one that ends with the block.

    Raises:
        TrackingError: the pages did not come up; with the last line that MLflow said.
    """
    if uri.startswith("http"):
        yield Server(without_password(uri), None)
        return
    port = _free_port()
    server = f"http://{HOST}:{port}"
    command = [sys.executable, "-m", "mlflow", "server", "--host", HOST, "--port", str(port), "--workers", "1"]
    environment = {
        **os.environ,
        "MLFLOW_BACKEND_STORE_URI": uri,
        "MLFLOW_DISABLE_TELEMETRY": "true",
        "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",  # of its tools for chat models
    }
    with tempfile.TemporaryFile() as said:
        process = subprocess.Popen(
            command, env=environment, stdin=subprocess.DEVNULL, stdout=said, stderr=said, start_new_session=True
        )
        try:
            _wait_for(server, process)
            yield Server(server, process)
        except TrackingError as error:
            said.seek(0)
            lines = said.read().decode(errors="replace").strip().splitlines()
            raise TrackingError(without_password(f"{error}: {lines[-1] if lines else 'it said nothing'}")) from error
        finally:
            _end(process)


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind((HOST, 0))
        return int(listener.getsockname()[1])


def _wait_for(server: str, process: "subprocess.Popen[bytes]") -> None:
    """Returns when the server answers; raises TrackingError where it ends or says nothing for too long."""
    until = time.monotonic() + SECONDS_TO_START
    while time.monotonic() < until:
        if process.poll() is not None:
            raise TrackingError(f"MLflow's pages ended with code {process.returncode}")
        with suppress(URLError, OSError), urlopen(f"{server}/health", timeout=5):
            return
        time.sleep(0.2)
    raise TrackingError(f"MLflow's pages did not answer in {SECONDS_TO_START:g} s")


def _end(process: "subprocess.Popen[bytes]") -> None:
    """Ends a server and the processes that it started, which are a group of their own."""
    for ending in (signal.SIGTERM, signal.SIGKILL):
        with suppress(ProcessLookupError):
            os.killpg(process.pid, ending)
        with suppress(subprocess.TimeoutExpired):
            process.wait(SECONDS_TO_END)
            return
