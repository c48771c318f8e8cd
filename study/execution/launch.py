"""The driver's Ray code: connect, check the nodes, run trials in reused actors, tell an observer what happens."""

import logging
import os
import socket
import tempfile
import uuid
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Protocol

import ray
from ray import tune
from ray.tune.schedulers import TrialScheduler
from ray.tune.search import Searcher
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from study.execution.ray_output import hush, set_up
from study.execution.resources import Resources
from study.execution.resources import check_requests as check_requests
from trainables.configuration import Configuration
from trainables.errors import ConfigurationError, RecordError, first_line
from trainables.finding import Finding
from trainables.run import Trial
from trainables.storage import RunFolder
from trainables.tune import INDEX, Search, SearchTrainable, Store, StudyTrainable, Work

SECONDS_TO_ANSWER = 10.0
SECONDS_TO_PROBE = 120.0  # a new node may start its first worker process for this
LOST_PROCESS_RETRIES = 2  # deterministic failures never get here: they end as failed records


class Observer(Protocol):
    """Hears what happens, in the driver's thread."""

    def epoch_done(self, trial: Trial, epoch: int, validation_minority_f1: float) -> None:
        """A trial has trained `epoch` epochs of its seeds."""

    def trial_done(self, trial: Trial, failures: dict[int, str]) -> None:
        """A trial's records are written; `failures` is {seed: reason}."""


def connect(num_cpus: int | None = None) -> None:
    """Connects to the cluster of RAY_ADDRESS (set inside a Ray job), else starts Ray here; once per process.

    Raises:
        ConfigurationError: nothing answers at RAY_ADDRESS, or Ray does not start here.
    """
    if ray.is_initialized():
        return
    set_up()
    quiet = {"logging_level": logging.ERROR, "log_to_driver": False}
    address = os.environ.get("RAY_ADDRESS")
    if address:
        _knock(address)
        ray.init(**quiet)
    else:
        try:
            ray.init(address="local", num_cpus=num_cpus, include_dashboard=False, **quiet)
        except Exception as error:  # Ray has no kind of its own for it
            raise ConfigurationError(
                f"Ray did not start on this machine, which may be too busy: {first_line(error)}"
            ) from error
    hush()


def _knock(address: str) -> None:
    """Raises ConfigurationError where nothing listens at HOST:PORT; Ray itself would try for minutes."""
    host, _, port = address.removeprefix("ray://").rpartition(":")
    if host and port.isdecimal():
        try:
            socket.create_connection((host.strip("[]"), int(port)), timeout=SECONDS_TO_ANSWER).close()
        except OSError as error:
            raise ConfigurationError(f"RAY_ADDRESS={address}: no Ray cluster answers there ({error})") from None


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
        nodes = _alive()
        probe_nodes(runs)
    except (ConfigurationError, RecordError) as error:
        return [auth, Finding("Ray cluster", "failed", str(error))]
    except Exception as error:  # Ray raises what it likes where no cluster is to be had
        return [auth, Finding("Ray cluster", "failed", f"{os.environ['RAY_ADDRESS']}: {first_line(error)}")]
    totals = ray.cluster_resources()
    what = f"{len(nodes)} nodes, {totals.get('CPU', 0):g} CPU, {totals.get('GPU', 0):g} GPU, one run folder"
    return [auth, Finding("Ray cluster", "ok", what)]


def cluster_nodes() -> list[dict[str, float]]:
    """Returns what each living node has."""
    return [node["Resources"] for node in _alive()]


def _alive() -> list[dict[str, Any]]:
    return [node for node in ray.nodes() if node["Alive"]]


def check_resources(resources: Resources, configurations: Sequence[Configuration]) -> list[str]:
    """Returns warnings on what trials of these configurations ask of the cluster.

    Raises:
        ConfigurationError: Ray runs on this machine only, and it has less than is asked.
    """
    there = cluster_nodes()
    requests = [resources.of(configuration, there) for configuration in configurations]
    return check_requests(requests, there, can_grow=bool(os.environ.get("RAY_ADDRESS")))


def probe_nodes(runs: str) -> None:
    """Checks that every node sees one and the same run folder, by a write and a read on each.

    Raises:
        RecordError: names the first node that does not, with advice.
    """
    for node in _alive():
        place = NodeAffinitySchedulingStrategy(node["NodeID"], soft=False)
        with RunFolder(runs).scratch(f".from-driver-{node['NodeID']}") as path:
            try:
                answer = _probe.options(scheduling_strategy=place).remote(runs, path)
                problem = ray.get(answer, timeout=SECONDS_TO_PROBE)
            except ray.exceptions.RayError as error:
                if node["NodeID"] not in {other["NodeID"] for other in _alive()}:
                    continue  # it has gone meanwhile
                problem = f"no answer in {SECONDS_TO_PROBE:g} s: {first_line(error)}"
        if problem:
            raise RecordError(
                f"node {node['NodeManagerAddress']} does not share the run folder {runs} ({problem}); "
                "use a folder that all nodes mount, or s3://... or gs://..., with --runs"
            )


@ray.remote(num_cpus=0)
def _probe(runs: str, path: str) -> str:
    try:
        folder = RunFolder(runs)
        folder.probe()
        return "" if folder.sees(path) else "a file written by the driver is not there"
    except RecordError as error:
        return str(error)


def run_trials(trials: Sequence[Trial], store: Store, runs: str, resources: Resources, observer: Observer) -> None:
    """Runs the trials to their end; a process that is lost is tried again, then reported as failed."""
    with RunFolder(runs).scratch(f".driver-{uuid.uuid4().hex}") as marker:
        _run_trials(Work(trials, store, runs, marker=marker), resources, observer)


def _run_trials(work: Work, resources: Resources, observer: Observer) -> None:
    trials, there = work.trials, cluster_nodes()
    bundles = [_bundle(resources.of(trial.configuration, there)) for trial in trials]
    trainable = tune.with_resources(
        tune.with_parameters(StudyTrainable, work=work),
        lambda config: tune.PlacementGroupFactory([bundles[config[INDEX]]]),
    )
    config = tune.TuneConfig(reuse_actors=True)
    _fit(trainable, {INDEX: tune.grid_search(list(range(len(trials))))}, config, _Relay(trials, observer))


def run_search(
    search: Search, arms: Searcher, scheduler: TrialScheduler | None, number: int, resources: Resources,
    done: Callable[[], None],
) -> None:  # fmt: skip
    """Runs a number of a search's trials to their end; `done` hears of every one."""
    base = next(iter(search.arms.values()))
    trainable = tune.with_resources(
        tune.with_parameters(SearchTrainable, search=search), _bundle(resources.of(base, cluster_nodes()))
    )
    config = tune.TuneConfig(num_samples=number, search_alg=arms, scheduler=scheduler, reuse_actors=True)
    _fit(trainable, {}, config, _Count(done))


def _bundle(request: Resources) -> dict[str, float]:
    return {"CPU": request.cpus, "GPU": request.gpus or 0}


def _fit(trainable: Any, space: dict[str, Any], config: tune.TuneConfig, callback: tune.Callback) -> None:
    """Runs Tune in a scratch folder; nothing of it is kept."""
    config.trial_name_creator = config.trial_dirname_creator = lambda trial: f"trial-{trial.trial_id}"
    with tempfile.TemporaryDirectory(prefix="final-bn-tune-", ignore_cleanup_errors=True) as scratch:
        run_config = tune.RunConfig(
            name="final-bn", storage_path=scratch, callbacks=[callback], verbose=0,
            failure_config=tune.FailureConfig(max_failures=LOST_PROCESS_RETRIES),
            checkpoint_config=tune.CheckpointConfig(checkpoint_at_end=False),  # needs storage that nodes share
        )  # fmt: skip
        tune.Tuner(trainable, param_space=space, tune_config=config, run_config=run_config).fit()


class _Unpickled(tune.Callback):
    """Nothing of it goes into Tune's tuner.pkl: Tune's storage is scratch and never restored."""

    def __getstate__(self) -> dict[str, Any]:
        return {}


class _Count(_Unpickled):
    """Tells of every trial that has ended."""

    def __init__(self, done: Callable[[], None]) -> None:
        self.done = done

    def on_trial_complete(self, iteration: int, trials: list[Any], trial: Any, **info: Any) -> None:
        self.done()

    def on_trial_error(self, iteration: int, trials: list[Any], trial: Any, **info: Any) -> None:
        self.done()


class _Relay(_Unpickled):
    """Translates Tune's events into the observer's."""

    def __init__(self, trials: Sequence[Trial], observer: Observer) -> None:
        self.trials, self.observer = trials, observer

    def on_trial_result(
        self, iteration: int, trials: list[Any], trial: Any, result: dict[str, Any], **info: Any
    ) -> None:
        ours = self.trials[trial.config[INDEX]]
        self.observer.epoch_done(ours, result["epoch"], result["validation_minority_f1"])
        if result["done"]:
            failed = {seed: reason for seed, status, reason in result["finished"] if status == "failed"}
            self.observer.trial_done(ours, failed)

    def on_trial_error(self, iteration: int, trials: list[Any], trial: Any, **info: Any) -> None:
        ours = self.trials[trial.config[INDEX]]
        file = Path(trial.error_file or "")  # where it was written; get_pickled_error looks where it is copied to later
        lines = file.read_text().strip().splitlines() if file.is_file() else []
        self.observer.trial_done(ours, dict.fromkeys(ours.seeds, lines[-1] if lines else "its process was lost"))
