"""One call of `study.grid`: plan, prepare, run, log, and what came of it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from rich.console import Console

from study.execution.cluster import check_resources, cluster_nodes, connect, probe_nodes
from study.execution.plan import Plan, make_plan, spread
from study.execution.prepare import prepare_trials
from study.execution.progress import RunProgress
from study.execution.resources import Resources, slots
from study.execution.trials import run_trials
from study.studies import Study
from study.tracking import BackgroundTracker
from trainables.data import Folders
from trainables.errors import DataError
from trainables.run import Trial
from trainables.storage import RunFolder, remove_left_checkpoints
from trainables.tune import DataKey, data_key


@dataclass(frozen=True)
class Settings:
    """Where and with what a session runs."""

    runs: str
    tracking_uri: str | None
    data_root: Path
    num_seeds: int | None
    resources: Resources
    weights: Mapping[str, Path] = field(default_factory=dict)  # "sha256:..." -> the file of --weights
    folders: Folders = field(default_factory=dict)  # "folder:..." -> where --data folder:PATH lies


@dataclass
class Outcome:
    """How many runs were there, were done now, and what could not be done and why."""

    already_done: int = 0
    done_now: int = 0
    problems: list[str] = field(default_factory=list)
    tracked: bool = True


def run_session(studies: Sequence[Study], settings: Settings, console: Console) -> Outcome:
    """Does what is missing of the studies.

    Raises:
        StudyError: nothing can be done at all: the run folder cannot be written, no trial has its data.
    """
    folder = RunFolder(settings.runs)
    folder.probe()
    plan = make_plan(studies, settings.num_seeds, folder)
    outcome = Outcome(already_done=len(plan.done))
    console.print(
        f"runs in {settings.runs}: {len(plan.done)} done, {plan.num_left} to do in {len(plan.trials)} trials",
        highlight=False, soft_wrap=True,
    )  # fmt: skip
    tracker = _start_tracking(settings, console)
    by_name = {study.name: study for study in studies}
    try:
        if tracker:
            for study in studies:
                tracker.sync(study, partial(folder.records, study.name))
        if plan.trials:
            connect()
            there = cluster_nodes()
            requests = [settings.resources.of(trial.configuration, there) for trial in plan.trials]
            plan = spread(plan, max(slots(request, there) for request in requests))
            for warning in check_resources(settings.resources, [trial.configuration for trial in plan.trials]):
                console.print(warning, highlight=False, soft_wrap=True)
            probe_nodes(settings.runs)
            _run(plan, settings, outcome, console, _Logger(tracker, by_name, folder))
    finally:  # nothing stays half logged, whatever ended the session
        if tracker:
            outcome.tracked = tracker.close()
    return outcome


def _run(plan: Plan, settings: Settings, outcome: Outcome, console: Console, logger: "_Logger") -> None:
    say = partial(console.print, highlight=False, soft_wrap=True)
    gpus = settings.resources.of_features(cluster_nodes())
    prepared = prepare_trials(
        plan.trials, settings.data_root, settings.runs, settings.weights, gpus, say, settings.folders, console
    )
    for source, files in prepared.left_out.items():
        say(f"{source}: {len(files)} files left out: {'; '.join(files[:5])}{'; ...' if len(files) > 5 else ''}")
    runnable = []
    for trial in plan.trials:
        problem = prepared.problems.get(trial.configuration)
        if problem:
            outcome.problems.append(f"{trial.study}, {trial.arm}: {problem}")
        else:
            runnable.append(trial)
    if not runnable and not plan.done:
        raise DataError("; ".join(dict.fromkeys(prepared.problems.values())))
    if not runnable:
        return
    _refuse_other_data(plan, prepared.fingerprints, settings.runs)
    total = len(plan.done) + sum(len(trial.seeds) for trial in runnable)
    with RunProgress(total, len(plan.done), console) as progress:
        both = _Both(progress, logger, outcome)
        run_trials(runnable, prepared.store, settings.runs, settings.resources, both)
    unfinished = [trial for trial in runnable if trial not in both.finished]
    for trial in unfinished:
        outcome.problems.append(f"{trial.study}, {trial.arm}: did not come to an end; run the same command again")
    going_on = {trial.configuration.key for trial in runnable if trial not in both.complete}
    for study in dict.fromkeys(trial.study for trial in runnable):
        keys = {trial.configuration.key for trial in runnable if trial.study == study}
        remove_left_checkpoints(RunFolder(settings.runs), study, keys - going_on)


def _refuse_other_data(plan: Plan, fingerprints: dict[DataKey, str], runs: str) -> None:
    """Results on one data set must not be completed with runs on another of the same name."""
    for record in plan.recorded:
        source = data_key(record.typed_configuration())
        now = fingerprints.get(source, record.data_fingerprint)
        if now != record.data_fingerprint:
            raise DataError(
                f"{source[0]}: the data have fingerprint {now}, the {record.study} runs in {runs} were made with "
                f"{record.data_fingerprint}; use that data again or another --runs"
            )


def _start_tracking(settings: Settings, console: Console) -> BackgroundTracker | None:
    if settings.tracking_uri is None:
        console.print("MLflow: off, as the run folder is remote and no --tracking-uri is given", highlight=False)
        return None
    warn = partial(console.print, highlight=False, soft_wrap=True)
    return BackgroundTracker(settings.tracking_uri, settings.runs, warn)


@dataclass
class _Logger:
    tracker: BackgroundTracker | None
    studies: dict[str, Study]
    folder: RunFolder

    def log(self, trial: Trial) -> None:
        if self.tracker:
            read = partial(self.folder.records, trial.study, trial.configuration.key)
            self.tracker.sync(self.studies[trial.study], read)


@dataclass
class _Both:
    """Observes for the progress display, for MLflow and for the outcome."""

    progress: RunProgress
    logger: _Logger
    outcome: Outcome
    finished: set[Trial] = field(default_factory=set)
    complete: set[Trial] = field(default_factory=set)  # without failures: a lost process goes on from its checkpoint

    def epoch_done(self, trial: Trial, epoch: int, validation_minority_f1: float) -> None:
        self.progress.epoch_done(trial, epoch, validation_minority_f1)

    def trial_done(self, trial: Trial, failures: dict[int, str]) -> None:
        if trial in self.finished:
            return  # a process that was lost after its last report is tried again
        self.finished.add(trial)
        if not failures:
            self.complete.add(trial)
        self.progress.trial_done(trial, failures)
        self.outcome.done_now += len(trial.seeds) - len(failures)
        self.outcome.problems += [f"{trial.study}, {trial.arm}, seed {s}: {reason}" for s, reason in failures.items()]
        self.logger.log(trial)
