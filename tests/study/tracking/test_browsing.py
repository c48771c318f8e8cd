"""MLflow's pages are served while somebody looks, and end with that."""

import signal
import subprocess
import sys
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

import pytest

from study.studies import find
from study.tracking import TrackingError, served
from tests.support.records import make_record, write_runs
from trainables.evaluation import MAJORITY_F1, MINORITY_F1, VALIDATION_F1

SCORES = {MINORITY_F1: 0.5, MAJORITY_F1: 0.75, VALIDATION_F1: 0.5}


@pytest.mark.timeout(400)
def test_browsing_prints_an_address_on_a_free_port_and_ends_with_ctrl_c(tmp_path: Path) -> None:
    (digits,) = find(["digits"])
    plain = digits.arm("plain")
    write_runs(tmp_path, [make_record(plain.name, 0, plain.configuration, SCORES, study="digits")])
    command = [sys.executable, "-m", "study.report", "digits", "--browse", "--runs", str(tmp_path)]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),  # a shell's background has it off
    ) as browsing:  # fmt: skip
        assert browsing.stdout is not None and browsing.stderr is not None
        lines = iter(browsing.stdout.readline, "Ctrl-C ends it\n")
        address = next(line.split()[-1] for line in lines if "http://" in line)
        assert list(lines) == []
        with urlopen(address, timeout=30) as answer:
            assert b"mlflow" in answer.read().lower()
        browsing.send_signal(signal.SIGINT)
        assert browsing.wait(60) == 130
        assert browsing.stderr.read() == "stopped; what is finished is recorded, the same command goes on\n"
    with pytest.raises(URLError):
        urlopen(address, timeout=5)


def test_a_server_is_only_named() -> None:
    with served("http://me:secret@host:5000") as server:
        assert (server.address, server.process) == ("http://me:***@host:5000", None)


def test_pages_that_do_not_come_up_are_one_line(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    python = tmp_path / "python"
    python.write_text("#!/bin/sh\necho before\necho no module named mlflow >&2\nexit 3\n")
    python.chmod(0o700)
    monkeypatch.setattr(sys, "executable", str(python))
    with (
        pytest.raises(TrackingError, match=r"^MLflow's pages ended with code 3: no module named mlflow$"),
        served("sqlite:////nowhere/mlflow.db"),
    ):
        raise AssertionError("not reached")
