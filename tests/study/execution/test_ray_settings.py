"""What Ray says of a failed trial is one line, its token is private, and its open ports are found."""

import logging
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from ray.exceptions import RayTaskError

from study.execution import check_ports, ray_settings
from study.execution.ray_settings import OneLine, keep_token_private, open_ports
from trainables.common import RecordError


class _WrappedError(Exception):
    """As Ray's own: a text of many lines, and what was raised."""

    def __init__(self, cause: Exception) -> None:
        super().__init__("Traceback (most recent call last):\n  ...")
        self.cause = cause


@pytest.mark.parametrize(
    ("error", "says"),
    [
        (_WrappedError(RecordError("/runs cannot be written")), "trial 3 failed: /runs cannot be written"),
        (ValueError("the actor died\nand more"), "trial 3 failed: the actor died"),
        (ValueError(), "trial 3 failed: ValueError"),
    ],
)
def test_a_traceback_becomes_its_cause(error: Exception, says: str, caplog: pytest.LogCaptureFixture) -> None:
    logger = logging.getLogger("a test's")
    logger.addFilter(OneLine())
    with caplog.at_level(logging.ERROR, logger.name):
        logger.error("trial %d failed", 3, exc_info=error)
    assert caplog.records[0].getMessage() == says
    assert "Traceback" not in caplog.text


def test_rays_error_holds_its_cause() -> None:
    cause = RecordError("no space")
    assert RayTaskError("f", "Traceback ...", cause).cause is cause


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("RAY_AUTH_TOKEN", "RAY_AUTH_TOKEN_PATH"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    return tmp_path


def _modes(home: Path) -> tuple[int, int]:
    folder = home / ".ray"
    return folder.stat().st_mode & 0o777, (folder / "auth_token").stat().st_mode & 0o777


def test_a_token_is_made_before_ray_makes_one_that_others_can_read(
    home: Path, caplog: pytest.LogCaptureFixture
) -> None:
    keep_token_private()
    token = (home / ".ray" / "auth_token").read_text()
    assert _modes(home) == (0o700, 0o600)
    keep_token_private()
    assert (home / ".ray" / "auth_token").read_text() == token
    assert len(token) == 64
    assert caplog.text == ""


def test_a_token_that_others_can_read_is_taken_away_from_them(home: Path, caplog: pytest.LogCaptureFixture) -> None:
    (home / ".ray").mkdir(mode=0o755)
    (home / ".ray" / "auth_token").write_text("a token")
    (home / ".ray" / "auth_token").chmod(0o644)
    keep_token_private()
    assert _modes(home) == (0o700, 0o600)
    assert (home / ".ray" / "auth_token").read_text() == "a token"
    assert [record.getMessage().partition(":")[2] for record in caplog.records] == [" now 0700", " now 0600"]


@pytest.mark.parametrize("name", ["RAY_AUTH_TOKEN", "RAY_AUTH_TOKEN_PATH"])
def test_a_token_of_ones_own_makes_no_other(home: Path, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(name, str(home / "mine"))
    keep_token_private()
    assert list(home.iterdir()) == []


@pytest.fixture
def listen(tmp_path: Path) -> Iterator[Callable[[str], int]]:
    """Starts a process by the name of one of Ray's that listens at an address, and returns its port."""
    raylet = tmp_path / "raylet"
    raylet.symlink_to(sys.executable)
    processes = []

    def start(address: str) -> int:
        program = (
            f"import socket, sys; listener = socket.create_server(('{address}', 0)); "
            "print(listener.getsockname()[1], flush=True); sys.stdin.read()"
        )
        process = subprocess.Popen([raylet, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        processes.append(process)
        assert process.stdout is not None
        return int(process.stdout.readline())

    yield start
    for process in processes:
        process.communicate()


def test_ports_that_other_machines_reach_are_named(
    listen: Callable[[str], int], monkeypatch: pytest.MonkeyPatch
) -> None:
    reachable, on_loopback = listen("0.0.0.0"), listen("127.0.0.1")
    ports = open_ports()
    assert f"0.0.0.0:{reachable} (raylet)" in ports
    assert not any(f":{on_loopback} " in port for port in ports)
    alone = check_ports()
    assert alone.state == "failed"
    assert "nft add rule" in alone.detail
    monkeypatch.setenv("RAY_ADDRESS", "a cluster, which needs them")
    assert check_ports().state == "ok"


def test_a_ray_that_would_listen_everywhere_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ray_settings, "open_ports", lambda: [])
    assert check_ports().detail == "none: Ray, where it runs on this machine alone, listens on loopback"
    monkeypatch.setenv("RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER", "1")
    assert check_ports().state == "failed"
