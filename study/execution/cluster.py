"""The cluster: connect to it or start Ray here, what its nodes have, whether they can do what is asked."""

import gc
import logging
import os
import signal
import socket
import threading
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any

import ray
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from study.execution.ray_settings import hush, keep_token_private
from study.execution.resources import Resources, check_requests
from trainables import own_code
from trainables.common import Finding, RecordError, UnavailableError, first_line
from trainables.configuration import Configuration
from trainables.storage import RunFolder

SECONDS_TO_ANSWER = 10.0
SECONDS_TO_PROBE = 120.0  # a new node may start its first worker process for this


@contextmanager
def connected(own_functions: Iterable[str] = ()) -> Iterator[None]:
    """Connects as `connect` does; at the end leaves in the background what was connected to here.

    Ray takes seconds to end, in which a command can print and draw; the process waits for it before it ends itself.
    Until Ray has ended no garbage is collected: a reference to one of Ray's objects that is freed while it ends takes
    the process along, with exit code 1 and nothing printed. After an error or Ctrl-C, with trials still running, Ray
    ends with the process for the same reason.

    Raises:
        UnavailableError: as `connect`.
    """
    was_connected = ray.is_initialized()
    connect(own_functions=own_functions)
    yield
    if not was_connected:
        gc.collect()  # what Tune leaves are cycles, which any thread's allocations may free
        gc.disable()
        threading.Thread(target=_end_ray, name="end of Ray").start()


def _end_ray() -> None:
    try:
        ray.shutdown()
    finally:
        gc.enable()


def connect(num_cpus: int | None = None, own_functions: Iterable[str] = ()) -> None:
    """Connects to the cluster of RAY_ADDRESS (set inside a Ray job), else starts Ray here; once per process.

    Args:
        num_cpus: of Ray on this machine; None for all.
        own_functions: of configurations; Ray brings their source to every worker.

    Raises:
        UnavailableError: nothing answers at RAY_ADDRESS, or Ray does not start here.
    """
    if ray.is_initialized():
        return
    keep_token_private()
    quietly: dict[str, Any] = {"logging_level": logging.ERROR, "log_to_driver": False}
    sources = own_code.to_ship(own_functions)
    if sources:
        quietly["runtime_env"] = {"py_modules": sources}
    address = os.environ.get("RAY_ADDRESS")
    with _signals_kept():
        if address:
            _check_that_something_listens(address)
            ray.init(**quietly)
        else:
            try:
                with _ray_in_a_group_of_its_own():
                    ray.init(address="local", num_cpus=num_cpus, include_dashboard=False, **quietly)
            except Exception as error:  # Ray has no kind of its own for it
                raise UnavailableError(
                    f"Ray did not start on this machine, which may be too busy: {first_line(error)}"
                ) from error
    hush()


@contextmanager
def _signals_kept() -> Iterator[None]:
    """Puts the handler of SIGTERM back: Ray takes it, to end its processes, and with a dump of the native stack."""
    handler = signal.getsignal(signal.SIGTERM)
    try:
        yield
    finally:
        if callable(handler) and threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGTERM, handler)


@contextmanager
def _ray_in_a_group_of_its_own() -> Iterator[None]:
    """Lets what starts here stay alive when the driver's process group is told to end, as `timeout` does.

    A driver whose Ray has gone is ended by it at once, before anything is put in order. It leaves its group for as long
    as Ray starts, which it can where another process leads that group; where it leads itself, nothing changes.
    """
    group = os.getpgrp()
    moves = group != os.getpid()
    if moves:
        os.setpgid(0, 0)
    try:
        yield
    finally:
        if moves:
            with suppress(OSError):  # the others of the group have ended
                os.setpgid(0, group)


def _check_that_something_listens(address: str) -> None:
    """Raises UnavailableError where nothing listens at HOST:PORT; Ray itself would try for minutes."""
    host, _, port = address.removeprefix("ray://").rpartition(":")
    if host and port.isdecimal():
        try:
            socket.create_connection((host.strip("[]"), int(port)), timeout=SECONDS_TO_ANSWER).close()
        except OSError as error:
            raise UnavailableError(f"RAY_ADDRESS={address}: no Ray cluster answers there ({error})") from None


def check_ray(runs: str) -> list[Finding]:
    """Returns findings on Ray: authentication, the nodes of RAY_ADDRESS, and whether they share the run folder."""
    # Ray asks for a token by default where it starts itself, but not yet (2.60) where `ray start` made the cluster
    mode = os.environ.get("RAY_AUTH_MODE") or ("not set" if os.environ.get("RAY_ADDRESS") else "token")
    if mode == "token":
        auth = Finding("Ray authentication", "ok", "by token")
    else:
        problem = f"RAY_AUTH_MODE is {mode}: whoever reaches the cluster can run code; set it to token on every node"
        auth = Finding("Ray authentication", "failed", problem)
    if not os.environ.get("RAY_ADDRESS"):
        return [auth, Finding("Ray cluster", "not applicable", "RAY_ADDRESS is not set: Ray runs on this machine")]
    try:
        connect()
        nodes = _living_nodes()
        probe_nodes(runs)
    except UnavailableError as error:
        return [auth, Finding("Ray cluster", "failed", str(error))]
    except Exception as error:  # Ray raises what it likes where no cluster is to be had
        return [auth, Finding("Ray cluster", "failed", f"{os.environ['RAY_ADDRESS']}: {first_line(error)}")]
    totals = ray.cluster_resources()
    summary = f"{len(nodes)} nodes, {totals.get('CPU', 0):g} CPU, {totals.get('GPU', 0):g} GPU, one run folder"
    return [auth, Finding("Ray cluster", "ok", summary)]


def cluster_nodes() -> list[dict[str, float]]:
    """Returns what each living node has."""
    return [node["Resources"] for node in _living_nodes()]


def _living_nodes() -> list[dict[str, Any]]:
    return [node for node in ray.nodes() if node["Alive"]]


def check_resources(resources: Resources, configurations: Sequence[Configuration]) -> list[str]:
    """Returns warnings on what trials of these configurations ask of the cluster.

    Raises:
        ConfigurationError: Ray runs on this machine only, and it has less than is asked.
    """
    nodes = cluster_nodes()
    requests = [resources.of(configuration, nodes) for configuration in configurations]
    return check_requests(requests, nodes, can_grow=bool(os.environ.get("RAY_ADDRESS")))


def probe_nodes(runs: str) -> None:
    """Checks that every node sees one and the same run folder, by a write and a read on each.

    This machine's own Ray has one node, whose folder the driver has written to already.

    Raises:
        RecordError: names the first node that does not, with advice.
    """
    for node in _living_nodes() if os.environ.get("RAY_ADDRESS") else ():
        on_that_node = NodeAffinitySchedulingStrategy(node["NodeID"], soft=False)
        with RunFolder(runs).scratch(f".from-driver-{node['NodeID']}") as path:
            try:
                answer = _probe_run_folder.options(scheduling_strategy=on_that_node).remote(runs, path)
                problem = ray.get(answer, timeout=SECONDS_TO_PROBE)
            except ray.exceptions.RayError as error:
                if node["NodeID"] not in {other["NodeID"] for other in _living_nodes()}:
                    continue  # it has gone meanwhile
                problem = f"no answer in {SECONDS_TO_PROBE:g} s: {first_line(error)}"
        if problem:
            raise RecordError(
                f"node {node['NodeManagerAddress']} does not share the run folder {runs} ({problem}); "
                "use a folder that all nodes mount, or s3://... or gs://..., with --runs"
            )


@ray.remote(num_cpus=0)
def _probe_run_folder(runs: str, path: str) -> str:
    """Returns why this node does not share the driver's run folder; "" where it does."""
    try:
        folder = RunFolder(runs)
        folder.probe()
        return "" if folder.sees(path) else "a file written by the driver is not there"
    except RecordError as error:
        return str(error)
