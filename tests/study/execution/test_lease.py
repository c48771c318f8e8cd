"""One driver per run folder, whatever happened to the last one."""

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from study.execution import lease
from study.execution.lease import NAME, Lease
from trainables.common import ConfigurationError
from trainables.storage.run_folder import RunFolder


@pytest.fixture(autouse=True)
def _fast(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lease, "BEAT", 0.1)
    monkeypatch.setattr(lease, "EXPIRY", 1.0)
    monkeypatch.setattr(lease, "SETTLE", 0.05)


def _foreign(folder: Path, **changes: object) -> None:
    content = {"host": "elsewhere", "pid": 7, "token": "theirs", "beat": 3, **changes}
    (folder / NAME).write_text(json.dumps(content))


def test_a_lease_is_given_back(tmp_path: Path) -> None:
    for _ in range(2):
        with Lease(RunFolder(str(tmp_path)), print):
            assert (tmp_path / NAME).exists()
            time.sleep(0.3)
            assert json.loads((tmp_path / NAME).read_text())["beat"] > 1
        assert not (tmp_path / NAME).exists()


def test_a_second_live_driver_is_refused_and_the_first_goes_on(tmp_path: Path) -> None:
    program = (
        "import sys, time; from study.execution import lease; lease.BEAT = 0.1\n"
        "from trainables.storage import RunFolder\n"
        "with lease.Lease(RunFolder(sys.argv[1]), print):\n    print('held', flush=True); time.sleep(30)"
    )
    other = subprocess.Popen([sys.executable, "-c", program, str(tmp_path)], stdout=subprocess.PIPE, text=True)
    assert other.stdout is not None
    assert other.stdout.readline() == "held\n"
    refusal = rf"the driver {other.pid} on .* is working on it"
    with pytest.raises(ConfigurationError, match=refusal), Lease(RunFolder(str(tmp_path)), print):
        pass
    assert other.poll() is None
    other.kill()
    other.wait()
    other.stdout.close()
    with Lease(RunFolder(str(tmp_path)), print):  # a dead process of this machine needs no waiting
        pass


def test_a_silent_driver_of_another_machine_expires(tmp_path: Path) -> None:
    _foreign(tmp_path)
    heard: list[str] = []
    started = time.monotonic()
    with Lease(RunFolder(str(tmp_path)), heard.append):
        assert time.monotonic() - started >= 1
    assert heard == ["a driver on elsewhere has worked here: seeing for 1 s whether it lives"]


@pytest.mark.parametrize(
    "content",
    [
        "",
        "{",
        "[]",
        "null",
        '{"host": "x"}',
        "[" * 100_000,
        '{"host": "x", "pid": "7", "token": "t", "beat": 1}',
        '{"host": "x", "pid": -1, "token": "t", "beat": 1}',
        '{"host": "x", "pid": 1e400, "token": "t", "beat": 1}',
        '{"host": [], "pid": 7, "token": "t", "beat": 1}',
        '{"host": "x", "pid": 99999999999999, "token": "t", "beat": 1}',
    ],
)
def test_a_damaged_lease_holds_nobody_up(tmp_path: Path, content: str) -> None:
    (tmp_path / NAME).write_text(content)
    with Lease(RunFolder(str(tmp_path)), print):
        pass


def test_of_two_that_come_at_once_one_wins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = RunFolder(str(tmp_path))

    def put_and_be_beaten(name: str, content: bytes) -> None:
        RunFolder(str(tmp_path)).put(name, content)
        _foreign(tmp_path)

    monkeypatch.setattr(folder, "put", put_and_be_beaten)
    with pytest.raises(ConfigurationError, match="the driver 7 on elsewhere"), Lease(folder, print):
        pass
    assert json.loads((tmp_path / NAME).read_text())["token"] == "theirs"


def test_an_equal_host_name_and_process_number_of_another_machine_is_not_dead(tmp_path: Path) -> None:
    """Containers and cloned machines: `localhost` and process 1 are everywhere."""
    with Lease(RunFolder(str(tmp_path)), print):
        own = json.loads((tmp_path / NAME).read_text())
    _foreign(tmp_path, host=own["host"], pid=own["pid"], machine="another boot")
    started = time.monotonic()
    with Lease(RunFolder(str(tmp_path)), print):
        assert time.monotonic() - started >= 1


def test_a_driver_whose_lease_was_taken_ends(tmp_path: Path) -> None:
    program = (
        "import sys, time; from study.execution import lease; lease.BEAT = 0.1\n"
        "from trainables.storage import RunFolder\n"
        "with lease.Lease(RunFolder(sys.argv[1]), print):\n    print('held', flush=True); time.sleep(30)"
    )
    other = subprocess.Popen([sys.executable, "-c", program, str(tmp_path)], stdout=subprocess.PIPE, text=True,
                             stderr=subprocess.PIPE)  # fmt: skip
    assert other.stdout is not None
    assert other.stdout.readline() == "held\n"
    _foreign(tmp_path)
    _, errors = other.communicate(timeout=10)
    assert other.returncode == -signal.SIGTERM
    assert "another driver has taken this run folder over" in errors
    assert json.loads((tmp_path / NAME).read_text())["token"] == "theirs"
