"""One call of `study.grid`: plan, prepare, run the trials, log their records, say what came of it."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from rich.console import Console

from study.commandline import say as _say
from study.execution.cluster import check_resources, cluster_nodes, connected, probe_nodes
from study.execution.plan import Plan, make_plan, spread
from study.execution.prepare import prepare_trials
from study.execution.progress import RunProgress, doing
from study.execution.resources import Resources, slots
from study.execution.trials import run_trials
from study.locations import is_remote
from study.studies import Study, in_words
from study.tracking import BackgroundTracker
from trainables.common import DataError
from trainables.configuration import Trial, own_functions
from trainables.data import Folders, is_same_data
from trainables.storage import RunFolder, remove_left_checkpoints
from trainables.tune import DataKey, data_key

LONG_SECONDS = 600.0  # from which on a study says how long it takes before it starts


@dataclass(frozen=True)
class Settings:
    """Where and with what a session runs.

    Attributes:
        runs: the run folder.
        tracking_uri: of MLflow; None leaves it out.
        data_root: where data lie or are put.
        num_seeds: of each configuration; None for each study's own number.
        resources: of a trial.
        weights: "sha256:..." -> the file of --weights.
        folders: "folder:..." -> where --data folder:PATH lies.
        stall_timeout: seconds of silence after which a trial is ended and tried again; None for never.
    """

    runs: str
    tracking_uri: str | None
    data_root: Path
    num_seeds: int | None
    resources: Resources
    weights: Mapping[str, Path] = field(default_factory=dict)
    folders: Folders = field(default_factory=dict)
    stall_timeout: float | None = None


@dataclass
class Outcome:
    """What a session brought.

    Attributes:
        already_done: runs that had a complete record before.
        done_now: runs that have one since.
        problems: what could not be done, and why.
        tracked: whether all of it is in MLflow, where that is used.
    """

    already_done: int = 0
    done_now: int = 0
    problems: list[str] = field(default_factory=list)
    tracked: bool = True


def run_session(studies: Sequence[Study], settings: Settings, console: Console) -> Outcome:
    """Runs what has no complete record yet of the studies.

    Raises:
        StudyError: nothing can be done at all: the run folder cannot be written, no trial has its data.
    """
    folder = RunFolder(settings.runs)
    folder.probe()
    plan = make_plan(studies, settings.num_seeds, folder)
    outcome = Outcome(already_done=len(plan.done))
    say = partial(_say, to=console)
    say(f"runs in {settings.runs}: {len(plan.done)} done, {plan.num_left} to do in {len(plan.trials)} trials")
    seconds = sum(study.seconds_on(plan.num_left_of(study.name)) for study in studies)
    if seconds > LONG_SECONDS:
        say(f"that takes {in_words(seconds)} on this machine's cores; what is finished is recorded, whatever stops it")
    tracker = _start_tracking(settings, say)
    study_of_name = {study.name: study for study in studies}

    def log_records(trial: Trial) -> None:
        if tracker:
            read_records = partial(folder.records, trial.study, trial.configuration.key)
            tracker.sync(study_of_name[trial.study], read_records)

    try:
        if tracker:
            for study in studies:
                tracker.sync(study, partial(folder.records, study.name))
        if plan.trials:
            own = [name for trial in plan.trials for name in own_functions(trial.configuration)]
            with ExitStack() as until_the_end:
                with doing(console, "starting Ray"):
                    until_the_end.enter_context(connected(own))
                nodes = cluster_nodes()
                requests = [settings.resources.of(trial.configuration, nodes) for trial in plan.trials]
                plan = spread(plan, max(slots(request, nodes) for request in requests))
                for warning in check_resources(settings.resources, [trial.configuration for trial in plan.trials]):
                    say(warning)
                probe_nodes(settings.runs)
                _run(plan, settings, outcome, console, log_records)
    finally:  # nothing stays half logged, whatever ended the session
        if tracker:
            with doing(console, "logging the rest to MLflow"):
                outcome.tracked = tracker.close()
    return outcome


def _run(
    plan: Plan, settings: Settings, outcome: Outcome, console: Console, log_records: Callable[[Trial], None]
) -> None:
    """Runs the trials of a plan whose data and weights can be had, and notes in the outcome what came of each."""
    say = partial(_say, to=console)
    gpus = settings.resources.of_features(cluster_nodes())
    prepared = prepare_trials(
        plan.trials, settings.data_root, settings.runs, settings.weights, gpus, say, settings.folders, console
    )
    for source, files in prepared.left_out.items():
        number = "1 file" if len(files) == 1 else f"{len(files)} files"
        say(f"{source}: {number} left out: {'; '.join(files[:5])}{'; ...' if len(files) > 5 else ''}")
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
        observer = _SessionObserver(progress, outcome, log_records)
        run_trials(runnable, prepared.store, settings.runs, settings.resources, observer, settings.stall_timeout)
    for trial in runnable:
        if trial not in observer.finished:
            outcome.problems.append(f"{trial.study}, {trial.arm}: did not come to an end; run the same command again")
    keys_to_go_on = {trial.configuration.key for trial in runnable if trial not in observer.complete}
    for study_name in dict.fromkeys(trial.study for trial in runnable):
        keys = {trial.configuration.key for trial in runnable if trial.study == study_name}
        remove_left_checkpoints(RunFolder(settings.runs), study_name, keys - keys_to_go_on)


def _refuse_other_data(plan: Plan, fingerprints: dict[DataKey, str], runs: str) -> None:
    """Raises DataError where runs on one data set would be completed with runs on another of the same name."""
    for record in plan.recorded:
        source = data_key(record.typed_configuration())
        fingerprint = fingerprints.get(source, record.data_fingerprint)
        if not is_same_data(source[0], fingerprint, record.data_fingerprint):
            raise DataError(
                f"{source[0]}: the data have fingerprint {fingerprint}, the {record.study} runs in {runs} were made "
                f"with {record.data_fingerprint}; use that data again or another --runs"
            )


def _start_tracking(settings: Settings, say: Callable[[str], None]) -> BackgroundTracker | None:
    if settings.tracking_uri is None:
        if is_remote(settings.runs):
            say("MLflow: off, as the run folder is remote and no --tracking-uri is given")
        return None
    return BackgroundTracker(settings.tracking_uri, settings.runs, say)


@dataclass
class _SessionObserver:
    """Passes on how trials go to the progress display, the outcome and the tracker.

    Attributes:
        progress: the display.
        outcome: is counted up.
        log_records: is called with every trial that ended.
        finished: trials that ended.
        complete: those of them without failures; the others may go on from their checkpoint another time.
    """

    progress: RunProgress
    outcome: Outcome
    log_records: Callable[[Trial], None]
    finished: set[Trial] = field(default_factory=set)
    complete: set[Trial] = field(default_factory=set)

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
        for seed, reason in failures.items():
            self.outcome.problems.append(f"{trial.study}, {trial.arm}, seed {seed}: {reason}")
        self.log_records(trial)
