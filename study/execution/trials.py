"""Trials on Ray Tune in reused actors: a study's or a search's, and an observer that hears how they go."""

import tempfile
import uuid
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Protocol

from ray import tune
from ray.tune.schedulers import TrialScheduler
from ray.tune.search import Searcher

from study.execution.cluster import cluster_nodes
from study.execution.resources import Resources
from study.execution.stalls import StallCallback
from trainables.configuration import Trial
from trainables.storage import RunFolder
from trainables.tune import ARM, INDEX, Search, SearchTrainable, Store, StudyTrainable, TrialReport, Work

LOST_PROCESS_RETRIES = 2  # deterministic failures never get here: they end as failed records


class Observer(Protocol):
    """Hears how trials go, in the driver's thread."""

    def epoch_done(self, trial: Trial, epoch: int, validation_minority_f1: float) -> None:
        """A trial has trained `epoch` epochs of its seeds."""

    def trial_done(self, trial: Trial, failures: dict[int, str]) -> None:
        """A trial's records are written; `failures` is {seed: reason}."""


def run_trials(
    trials: Sequence[Trial],
    store: Store,
    runs: str,
    resources: Resources,
    observer: Observer,
    stall_timeout: float | None = None,
) -> None:
    """Runs the trials to their end; a process that is lost is tried again, then reported as failed.

    So is one that was silent for `stall_timeout` seconds; with None it is said only.
    """
    with RunFolder(runs).scratch(f".driver-{uuid.uuid4().hex}") as marker:
        run_work(Work(trials, store, runs, marker=marker), resources, observer, stall_timeout)


def run_work(work: Work, resources: Resources, observer: Observer, stall_timeout: float | None = None) -> None:
    """Runs the trials of a work that is put together, its marker included."""
    nodes = cluster_nodes()
    bundles = [_bundle(resources.of(trial.configuration, nodes)) for trial in work.trials]
    trainable = tune.with_resources(
        tune.with_parameters(StudyTrainable, work=work),
        lambda config: tune.PlacementGroupFactory([bundles[config[INDEX]]]),
    )
    config = tune.TuneConfig(reuse_actors=True)
    space = {INDEX: tune.grid_search(list(range(len(work.trials))))}

    def name_of(tune_trial: Any) -> str:
        trial = work.trials[tune_trial.config[INDEX]]
        return f"{trial.study}, {trial.arm}, seeds {','.join(map(str, trial.seeds))}"

    run_tune(trainable, space, config, _ObserverCallback(work.trials, observer), StallCallback(stall_timeout, name_of))


def run_search(
    search: Search,
    arms: Searcher,
    scheduler: TrialScheduler | None,
    num_trials: int,
    resources: Resources,
    on_trial_end: Callable[[], None],
    stall_timeout: float | None = None,
) -> None:
    """Runs trials of a search to their end and calls `on_trial_end` after each; `stall_timeout` as of `run_trials`."""
    base = next(iter(search.arms.values()))
    trainable = tune.with_resources(
        tune.with_parameters(SearchTrainable, search=search), _bundle(resources.of(base, cluster_nodes()))
    )
    config = tune.TuneConfig(num_samples=num_trials, search_alg=arms, scheduler=scheduler, reuse_actors=True)
    stalls = StallCallback(stall_timeout, lambda trial: f"search, {trial.config[ARM]}")
    run_tune(trainable, {}, config, _TrialEndCallback(on_trial_end), stalls)


def _bundle(request: Resources) -> dict[str, float]:
    return {"CPU": request.cpus, "GPU": request.gpus or 0}


def run_tune(trainable: Any, space: dict[str, Any], config: tune.TuneConfig, *callbacks: tune.Callback) -> None:
    """Runs Tune in a scratch folder; nothing of it is kept."""
    config.trial_name_creator = config.trial_dirname_creator = lambda trial: f"trial-{trial.trial_id}"
    with tempfile.TemporaryDirectory(prefix="final-bn-tune-", ignore_cleanup_errors=True) as scratch:
        run_config = tune.RunConfig(
            name="final-bn",
            storage_path=scratch,
            callbacks=list(callbacks),
            verbose=0,
            failure_config=tune.FailureConfig(max_failures=LOST_PROCESS_RETRIES),
            checkpoint_config=tune.CheckpointConfig(checkpoint_at_end=False),  # needs storage that nodes share
        )
        tune.Tuner(trainable, param_space=space, tune_config=config, run_config=run_config).fit()


class UnsavedCallback(tune.Callback):
    """A callback that leaves nothing in Tune's tuner.pkl: Tune's storage is scratch and never restored."""

    def __getstate__(self) -> dict[str, Any]:
        return {}


class _TrialEndCallback(UnsavedCallback):
    """Calls a function after every trial that has ended."""

    def __init__(self, on_trial_end: Callable[[], None]) -> None:
        self.on_trial_end = on_trial_end

    def on_trial_complete(self, iteration: int, trials: list[Any], trial: Any, **info: Any) -> None:
        self.on_trial_end()

    def on_trial_error(self, iteration: int, trials: list[Any], trial: Any, **info: Any) -> None:
        self.on_trial_end()


class _ObserverCallback(UnsavedCallback):
    """Translates Tune's events into the observer's."""

    def __init__(self, trials: Sequence[Trial], observer: Observer) -> None:
        self.trials, self.observer = trials, observer

    def on_trial_result(
        self, iteration: int, trials: list[Any], trial: Any, result: dict[str, Any], **info: Any
    ) -> None:
        our_trial = self.trials[trial.config[INDEX]]
        report = TrialReport.from_result(result)
        self.observer.epoch_done(our_trial, report.epoch, report.validation_minority_f1)
        if report.done:
            self.observer.trial_done(our_trial, dict(report.failures))

    def on_trial_error(self, iteration: int, trials: list[Any], trial: Any, **info: Any) -> None:
        our_trial = self.trials[trial.config[INDEX]]
        file = Path(trial.error_file or "")  # where it was written; get_pickled_error looks where it is copied to later
        lines = file.read_text().strip().splitlines() if file.is_file() else []
        self.observer.trial_done(
            our_trial, dict.fromkeys(our_trial.seeds, lines[-1] if lines else "its process was lost")
        )
