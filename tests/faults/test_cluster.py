"""Nodes leave and join, the head restarts, a job is stopped: several `ray start` on one machine."""

import os
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.faults import Nodes, check, complete, kill_group, num_records, start, until

ARMS = (
    "--set",
    "schedule.epochs=600",
    "--where",
    "augmentation.transform=none",
    "--where",
    "mixup_alpha=0",
    "--seeds",
    "3",
)  # fmt: skip  eight arms
pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]


@pytest.fixture
def nodes() -> Iterator[Nodes]:
    cluster = Nodes()
    yield cluster
    cluster.stop()


def test_a_node_is_lost_on_the_way_and_another_joins(nodes: Nodes, tmp_path: Path) -> None:
    nodes.head(cpus=1)
    lost = nodes.worker(cpus=1)
    nodes.worker(cpus=1)
    driver = start(ARMS, tmp_path, **nodes.environment)
    until(lambda: num_records(tmp_path) > 0, 300)
    kill_group(lost)
    nodes.worker(cpus=1)
    assert num_records(tmp_path) < 24, "the new node came too late to show anything"
    output, errors = driver.communicate()
    assert driver.returncode == 0, output + errors
    check(tmp_path, "digits", 24)


def test_a_submitted_job_finishes_with_a_node_lost_on_the_way(nodes: Nodes, tmp_path: Path) -> None:
    """All of table7 where its data are (5 minutes), else eight arms on the digits."""
    data = os.environ.get("FINALBN_DATA")
    study, number = (("table7", "--data-root", data), 120) if data else (ARMS, 24)
    nodes.head(cpus=1)
    lost = nodes.worker(cpus=1)
    nodes.worker(cpus=1)
    entrypoint = ("python", "-m", "study.grid", *study, "--runs", str(tmp_path))
    started = nodes.job("submit", "--no-wait", "--working-dir", ".", "--submission-id", "only", "--", *entrypoint)
    assert started.returncode == 0, started.stdout + started.stderr
    until(lambda: num_records(tmp_path) > 0, 300)
    kill_group(lost)
    assert num_records(tmp_path) < number, "the node was lost too late to show anything"
    ended = nodes.job("logs", "--follow", "only")
    print(ended.stdout)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    check(tmp_path, "table7" if data else "digits", number)


def test_the_head_restarts(nodes: Nodes, tmp_path: Path) -> None:
    head = nodes.head(cpus=2)
    driver = start(ARMS, tmp_path, **nodes.environment)
    until(lambda: num_records(tmp_path) > 0, 300)
    kill_group(head)
    try:
        driver.communicate(timeout=90)
    except subprocess.TimeoutExpired:
        kill_group(driver)
    before = num_records(tmp_path)
    nodes.head(cpus=2)
    complete(ARMS, tmp_path, **nodes.environment)
    assert 0 < before < 24
    check(tmp_path, "digits", 24)


def test_a_job_is_stopped_and_submitted_again(nodes: Nodes, tmp_path: Path) -> None:
    nodes.head(cpus=2)
    entrypoint = ("python", "-m", "study.grid", *ARMS, "--runs", str(tmp_path))
    started = nodes.job("submit", "--no-wait", "--working-dir", ".", "--submission-id", "first", "--", *entrypoint)
    assert started.returncode == 0, started.stdout + started.stderr
    until(lambda: num_records(tmp_path) > 0, 300)
    stopped = nodes.job("stop", "first")
    assert stopped.returncode == 0, stopped.stdout + stopped.stderr
    time.sleep(1)
    before = num_records(tmp_path)
    assert before < 24, "the stop came too late to show anything"
    again = nodes.job("submit", "--working-dir", ".", "--", *entrypoint)
    assert again.returncode == 0, again.stdout + again.stderr
    check(tmp_path, "digits", 24)
