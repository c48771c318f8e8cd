"""The driver dies, comes twice, or loses MLflow, its disk or a record."""

import os
import random
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.support.commands import run_here
from tests.support.faults import ROOT, check, complete, kill_group, start, until

FOUR_ARMS = ("--set", "schedule.epochs=60", "--where", "augmentation.transform=none", "--where", "mixup_alpha=0",
             "--where", "weight_decay=0", "--seeds", "3")  # fmt: skip
pytestmark = pytest.mark.timeout(600)


def test_a_second_driver_is_refused_and_the_first_one_finishes(tmp_path: Path) -> None:
    first = start(FOUR_ARMS, tmp_path)
    until((tmp_path / "driver-lease.json").exists)
    second = run_here("study.grid", *FOUR_ARMS, runs=tmp_path)
    assert second.returncode == 2, second.stderr
    assert f"the driver {first.pid} on" in second.stderr
    assert "is working on it" in second.stderr
    output, errors = first.communicate()
    assert first.returncode == 0, errors
    assert "12 runs done, 0 were there, 0 failed" in output
    check(tmp_path, "digits", 12)


@pytest.mark.usefixtures("ray_local")
def test_a_record_or_weights_file_cut_short_is_redone(tmp_path: Path) -> None:
    assert run_here("study.grid", *FOUR_ARMS, runs=tmp_path).returncode == 0
    records = sorted(tmp_path.glob("digits/*/seed-*/record.json"))
    for file in (
        records[0],
        records[1].with_name("weights.safetensors"),
        records[2].with_name("predictions.safetensors"),
    ):
        file.write_bytes(file.read_bytes()[:-40])
    again = run_here("study.grid", *FOUR_ARMS, runs=tmp_path)
    assert "3 runs done, 9 were there, 0 failed" in again.stdout, again.stderr
    check(tmp_path, "digits", 12)


@pytest.mark.slow
@pytest.mark.timeout(1800)  # fourteen starts of Ray
def test_ten_kills_at_random_moments(tmp_path: Path) -> None:
    """SIGKILL to the driver and everything it started, ten times within the time of a whole run; then to the end."""
    seed = int(os.environ.get("FAULT_SEED", time.time_ns() % 10_000))
    print(f"FAULT_SEED={seed}")
    rng = random.Random(seed)
    started = time.monotonic()
    complete(FOUR_ARMS, tmp_path / "whole")
    took, runs = time.monotonic() - started, tmp_path / "killed"  # on a busy machine mostly the start of Ray
    before: dict[Path, bytes] = {}
    for kill in range(10):
        process = start(FOUR_ARMS, runs)
        time.sleep(rng.uniform(0.2, 1) * took)
        kill_group(process)
        now = {path: path.read_bytes() for path in runs.glob("digits/*/seed-*/record.json")}
        print(f"kill {kill + 1}: {len(now)} records")
        assert before.items() <= now.items()  # nothing finished is lost or done again
        before = now
    complete(FOUR_ARMS, runs)
    check(runs, "digits", 12)
    assert "0 runs done, 12 were there" in complete(FOUR_ARMS, runs)


@pytest.mark.slow
def test_an_mlflow_server_that_is_away_for_the_whole_run_is_filled_afterwards(tmp_path: Path) -> None:
    runs, port = tmp_path / "runs", "59173"
    uri = f"http://127.0.0.1:{port}"
    output = complete((*FOUR_ARMS, "--tracking-uri", uri), runs)
    assert "12 runs done, 0 were there, 0 failed" in output
    assert "study.report --sync" in output
    server = subprocess.Popen(
        [sys.executable, "-m", "mlflow", "server", "--host", "127.0.0.1", "--port", port, "--workers", "1",
         "--backend-store-uri", f"sqlite:///{runs}/mlflow.db", "--artifacts-destination", str(tmp_path / "artifacts")],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True, text=True,
    )  # fmt: skip
    try:
        command = [sys.executable, "-m", "study.report", "digits", "--sync", "--tracking-uri", uri, "--runs", str(runs)]

        def synced() -> bool:
            return subprocess.run(command, cwd=ROOT, capture_output=True, check=False).returncode == 0

        until(synced)
        assert synced()  # again changes nothing
    finally:
        os.killpg(server.pid, signal.SIGKILL)
        server.wait()
    check(runs, "digits", 12)


@pytest.mark.slow
def test_a_full_disk_loses_nothing_that_was_finished(tmp_path: Path) -> None:
    """A file system that holds about half of the runs fills up; with room again the same command does the rest."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=700k", "tmpfs", str(disk)], capture_output=True, check=False
    )
    if mounted.returncode:
        pytest.skip("mounting a small file system is not allowed here")
    try:
        outside = ("--tracking-uri", f"sqlite:///{tmp_path}/mlflow.db")
        process = start((*FOUR_ARMS, *outside), disk)
        output, errors = process.communicate()
        assert process.returncode in (1, 2), output + errors
        assert "No space left on device" in output + errors
        assert "Traceback" not in errors
        kept = {path: path.read_bytes() for path in disk.glob("digits/*/seed-*/record.json")}
        assert 0 < len(kept) < 12
        subprocess.run(["mount", "-o", "remount,size=64m", str(disk)], check=True)
        complete((*FOUR_ARMS, *outside), disk)
        assert all(path.read_bytes() == content for path, content in kept.items() if b'"complete"' in content)
        with sqlite3.connect(tmp_path / "mlflow.db") as from_, sqlite3.connect(disk / "mlflow.db") as to:
            from_.backup(to)  # with what its log holds
        check(disk, "digits", 12)
    finally:
        subprocess.run(["umount", "--lazy", str(disk)], check=False)
