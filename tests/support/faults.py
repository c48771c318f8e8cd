"""How faults are made and what must hold after them."""

import ipaddress
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

import psutil

from trainables.storage.run_folder import RunFolder

ROOT = Path(__file__).parents[2]
STARTED: "list[subprocess.Popen[str]]" = []


def start(arguments: Sequence[str], runs: Path, **environment: str) -> "subprocess.Popen[str]":
    """Starts `python -m study.grid ARGUMENTS --runs RUNS` in a process group of its own."""
    command = [sys.executable, "-m", "study.grid", *arguments, "--runs", str(runs)]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                               start_new_session=True, env={**os.environ, **environment})  # fmt: skip
    STARTED.append(process)
    return process


def end_all() -> None:
    """Ends what `start` started and is still there, and closes its pipes."""
    for process in STARTED:
        if process.poll() is None:
            kill_group(process)
        for pipe in (process.stdout, process.stderr):
            if pipe is not None:
                pipe.close()
    STARTED.clear()


def complete(arguments: Sequence[str], runs: Path, **environment: str) -> str:
    """Runs the same to its end and returns what it printed; fails where it exits with anything but 0."""
    process = start(arguments, runs, **environment)
    output, errors = process.communicate()
    assert process.returncode == 0, output + errors
    return output


def until(condition: Callable[[], bool], seconds: float = 120) -> None:
    """Waits for a condition; a busy machine may take long to start Ray."""
    ends = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < ends, "it did not come about"
        time.sleep(0.1)


def open_sockets(process: "subprocess.Popen[str] | subprocess.Popen[bytes]") -> tuple[list[str], list[str]]:
    """Returns the addresses on which a process and all its descendants listen: on loopback, and where others reach."""
    family = [psutil.Process(process.pid), *psutil.Process(process.pid).children(recursive=True)]
    hosts = []
    for each in family:
        with suppress(psutil.Error):  # it has ended meanwhile
            hosts += [c.laddr.ip for c in each.net_connections("inet") if c.status == psutil.CONN_LISTEN]
    addresses = [ipaddress.ip_address(host.removeprefix("::ffff:")) for host in hosts]
    return ([str(a) for a in addresses if a.is_loopback], [str(a) for a in addresses if not a.is_loopback])


def kill_group(process: "subprocess.Popen[str]") -> None:
    """SIGKILL to a process and all it started in its group."""
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def num_records(runs: Path) -> int:
    """Returns the records that are there, good or not."""
    return len(list(runs.glob("*/*/seed-*/record.json")))


def check(runs: Path, study: str, number: int) -> None:
    """Every run has exactly one good record, MLflow has each once and nothing RUNNING; no lease, no checkpoint left."""
    records = list(RunFolder(str(runs)).records(study, verify=True))
    assert len(records) == num_records(runs) == number
    assert {record.status for record in records} == {"complete"}
    assert len({(record.key, record.seed) for record in records}) == number
    assert not (runs / "driver-lease.json").exists()
    assert not list(runs.glob(f"{study}/**/checkpoint-*"))

    from mlflow.tracking import MlflowClient

    client = MlflowClient(f"sqlite:///{runs}/mlflow.db")
    experiment = client.get_experiment_by_name(f"final-bn/{study}")
    assert experiment is not None
    tracked = client.search_runs([experiment.experiment_id], max_results=5000)
    places = Counter((run.data.tags["study.key"], run.data.tags.get("study.seed", "")) for run in tracked)
    assert set(places.values()) == {1}
    assert {run.info.status for run in tracked} == {"FINISHED"}
    assert len(places) == number + len({record.key for record in records})


def free_ports(number: int) -> list[int]:
    """Returns ports that nothing listens on. Ray's agent, which takes jobs, has one for all Rays of a machine else."""
    sockets = [socket.socket() for _ in range(number)]
    for each in sockets:
        each.bind(("127.0.0.1", 0))
    ports = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    return ports


class Nodes:
    """A Ray cluster of several `ray start` on this machine, with a token and a folder of its own.

    In Ray's usual folder a killed head leaves its address, and other programs of this machine would look for it there.
    Each node has its own, as on machines of their own: a node that ends removes a job's working directory from its.
    """

    def __init__(self) -> None:
        self.folders: list[str] = []
        self.port, self.dashboard = free_ports(2)
        self.environment = {
            "RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": secrets.token_hex(32), "RAY_ADDRESS": f"127.0.0.1:{self.port}",
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}", "RAY_USAGE_STATS_ENABLED": "0",
            "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "1",  # "0" in this process: a Ray of one machine
        }  # fmt: skip
        self.jobs = f"http://127.0.0.1:{self.dashboard}"
        self.processes: list[subprocess.Popen[str]] = []

    def head(self, cpus: int) -> "subprocess.Popen[str]":
        """Starts the head and waits until it takes jobs."""
        process = self._start(
            "--head", f"--port={self.port}", f"--dashboard-port={self.dashboard}", f"--num-cpus={cpus}"
        )
        until(lambda: self.job("submit", "--no-wait", "--", "true").returncode == 0)
        return process

    def worker(self, cpus: int) -> "subprocess.Popen[str]":
        """Starts a node and waits until it has joined."""
        before = self._alive()
        process = self._start(f"--address=127.0.0.1:{self.port}", f"--num-cpus={cpus}")
        until(lambda: bool(self._alive() - before))  # a lost node counts as alive until it has missed its beats
        return process

    def job(self, what: str, *arguments: str) -> "subprocess.CompletedProcess[str]":
        """Runs `ray job WHAT ARGUMENTS`."""
        return self._run(["ray", "job", what, "--address", self.jobs, *arguments])

    def stop(self) -> None:
        """Ends all nodes; not by `ray stop`, which would end every Ray on this machine."""
        for process in self.processes:
            if process.poll() is None:
                kill_group(process)
        for folder in self.folders:
            shutil.rmtree(folder, ignore_errors=True)

    def _alive(self) -> set[str]:
        program = (
            "import ray; ray.init(logging_level='ERROR'); print(*(n['NodeID'] for n in ray.nodes() if n['Alive']))"
        )
        done = self._run([sys.executable, "-c", program])
        return set(done.stdout.split()) if done.returncode == 0 else set()

    def _run(self, command: Sequence[str]) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=False,
                              env={**os.environ, **self.environment})  # fmt: skip

    def _start(self, *arguments: str) -> "subprocess.Popen[str]":
        self.folders.append(tempfile.mkdtemp(prefix="ray-"))  # short: Ray's sockets lie in it
        command = ["ray", "start", "--block", f"--temp-dir={self.folders[-1]}",
                   f"--dashboard-agent-listen-port={free_ports(1)[0]}", *arguments]  # fmt: skip
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, text=True,
                                   stderr=subprocess.DEVNULL, start_new_session=True,
                                   env={**os.environ, **self.environment})  # fmt: skip
        self.processes.append(process)
        return process
