"""All of MLflow: records -> a parent run per configuration and a child run per seed. A view that can be rebuilt.

Every run is looked up by its tags before it is created, so logging again changes nothing, and an earlier driver's death
leaves nothing twice.
"""

import hashlib
import logging
import time
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from study.answers import recall_versions
from study.locations import is_remote, without_password
from study.studies import OWN, Study
from study.tracking import local_database
from study.tracking.connection import TrackingError, artifacts_in, is_sqlite, set_requests, tracking_errors
from study.tracking.contents import (
    LEVEL,
    NOTE,
    Value,
    finished_at,
    labels_of,
    means_of,
    metric_name,
    note_of,
    parameters_of,
    started_at,
    values_of,
)
from trainables.common import Finding
from trainables.storage import Record, RunFolder

log = logging.getLogger(__name__)


KEY, SEED, STATE = "study.key", "study.seed", "study.state"
LARGEST_BATCH = 1000  # metrics, parameters and tags that MLflow takes in one call
METRICS_WITH_THE_REST = 800  # that go with the parameters and tags of a run
LONGEST_STATE = 4000  # characters; MLflow takes tags of 8000

Place = tuple[str, str]  # key of a configuration; a seed, or "" for the run of the configuration itself


@dataclass
class _Run:
    """A run in MLflow: `state` says from which records it was written, "" where it was begun only."""

    run_id: str
    status: str
    state: str

    def is_current(self, state: str) -> bool:
        """Whether the run was written to its end from records of this state."""
        return self.state == state and self.status in ("FINISHED", "FAILED")


class Tracker:
    """Logs to one MLflow server or database; use from one thread only.

    Attributes:
        client: MLflow's own.
        answered_at: `time.monotonic()` of MLflow's last answer.
    """

    def __init__(self, uri: str, artifacts: str | None, runs: str | None = None, patient: bool = False) -> None:
        """Connects (and creates a local database).

        Args:
            uri: an MLflow tracking URI.
            artifacts: where experiments created here keep artifacts; None leaves it to the server.
            runs: the run folder, which knows what somebody's own folders held; None for no such folders.
            patient: whether it may wait as long as a server that is too busy asks for.
        """
        set_requests(patient)
        from mlflow.tracking import MlflowClient

        for name in ("alembic", "mlflow", "urllib3"):  # after the import, which sets them
            logging.getLogger(name).setLevel(logging.ERROR)
        if is_sqlite(uri):
            local_database.write_ahead()
        self.answered_at = time.monotonic()
        self.client: MlflowClient = MlflowClient(tracking_uri=uri)
        self._artifacts, self._runs_url = artifacts, runs
        self._experiments: dict[str, str] = {}
        self._runs_of: dict[str, dict[Place, _Run]] = {}  # by experiment

    def sync(self, study: Study, records: Iterable[Record]) -> int:
        """Brings MLflow in line with a study's records, all of one configuration together; returns runs written.

        Raises:
            TrackingError: whatever MLflow raised, on one line.
        """
        by_key: dict[str, list[Record]] = defaultdict(list)
        for record in records:
            by_key[record.key].append(record)
        num_written = 0
        with tracking_errors():
            for records_of_key in by_key.values():
                num_written += self._sync_configuration(study, sorted(records_of_key, key=lambda record: record.seed))
        return num_written

    def log_files(self, study: Study, key: str, seed: int | None, files: Sequence[Path], folder: str) -> None:
        """Attaches files to the run of a seed, or with None to the run of its configuration; raises as `sync`."""
        run_id = self.run_id(study, key, seed)
        with tracking_errors():
            for file in files:
                self.client.log_artifact(run_id, str(file), folder)

    def run_id(self, study: Study, key: str, seed: int | None) -> str:
        """Returns MLflow's id of a run that was synced; raises as `sync`."""
        with tracking_errors():
            return self._runs(self.experiment_id(study))[key, "" if seed is None else str(seed)].run_id

    def labels(self, study: Study, record: Record) -> dict[str, str]:
        """Returns the tags of a record's run that a person filters by."""
        is_own = study.name_parts.base == OWN and self._runs_url is not None
        return labels_of(study, record, recall_versions(RunFolder(str(self._runs_url))) if is_own else None)

    def left_running(self, end: bool) -> int:
        """Returns how many of this project's runs are RUNNING; with `end` they are ended as KILLED."""
        with tracking_errors():
            experiments = self.client.search_experiments(filter_string="name LIKE 'final-bn/%'")
            running = [
                run
                for experiment in experiments
                for run in self.client.search_runs([experiment.experiment_id], "status = 'RUNNING'")
            ]
            for run in running if end else ():
                self.client.set_terminated(run.info.run_id, "KILLED")
        return len(running)

    def _sync_configuration(self, study: Study, records: list[Record]) -> int:
        """Writes what is not current of a configuration's run and of its seeds' runs; returns how many were written."""
        experiment = self.experiment_id(study)
        first, key, runs = records[0], records[0].key, self._runs(experiment)
        states = {record.seed: f"{record.status} {record.finished_at}" for record in records}
        state_of_all = " ".join(f"{seed}:{state}" for seed, state in states.items())
        if len(state_of_all) > LONGEST_STATE:
            state_of_all = hashlib.sha256(state_of_all.encode()).hexdigest()
        if not {(key, ""), *((key, str(seed)) for seed in states)} <= runs.keys():
            runs.update(self._search(experiment, f"tags.`{KEY}` = '{key}'"))  # another command may have logged them
        stale = []
        for record in records:
            run = runs.get((key, str(record.seed)))
            if run is None or not run.is_current(states[record.seed]):
                stale.append(record)
        parent = runs.get((key, ""))
        if not stale and parent is not None and parent.is_current(state_of_all):
            return 0
        parent_tags = {KEY: key, LEVEL: "configuration", "mlflow.runName": first.arm, **self.labels(study, first)}
        parent = self._begin(experiment, (key, ""), parent_tags, started_at(first))
        for record in stale:
            self._write_seed(study, record, parent, states[record.seed])
        complete = [record for record in records if record.status == "complete"]
        # at one step MLflow shows the value of the latest time, so a mean that changes needs a later one
        now = max(int(time.time() * 1000), *map(finished_at, records))
        failed = len(complete) < len(records)
        self._write(parent, means_of(complete), parameters_of(first), {}, state_of_all, failed, now)
        return len(stale) + 1

    def _write_seed(self, study: Study, record: Record, parent: _Run, state: str) -> None:
        tags = {
            KEY: record.key,
            LEVEL: "seed",
            SEED: str(record.seed),
            **self.labels(study, record),
            "mlflow.runName": f"{record.arm}, seed {record.seed}",
            "mlflow.parentRunId": parent.run_id,
        }
        run = self._begin(self.experiment_id(study), (record.key, str(record.seed)), tags, started_at(record))
        reason = {"study.reason": record.reason} if record.reason else {}
        parameters = {**parameters_of(record), "seed": record.seed}
        failed = record.status == "failed"
        self._write(run, values_of(record), parameters, reason, state, failed, finished_at(record))

    def experiment_id(self, study: Study) -> str:
        """Returns MLflow's id of a study's experiment, which is made if need be."""
        name = f"final-bn/{study.name}"
        if name not in self._experiments:
            experiment = self.client.get_experiment_by_name(name)
            if experiment is None:
                artifacts = f"{self._artifacts}/{study.name}" if self._artifacts else None
                note = {NOTE: note_of(study)}
                self._experiments[name] = self.client.create_experiment(name, artifact_location=artifacts, tags=note)
            else:
                self._experiments[name] = experiment.experiment_id
            self.answered_at = time.monotonic()
        return self._experiments[name]

    def _runs(self, experiment: str) -> dict[Place, _Run]:
        """Returns the runs of an experiment, read once."""
        if experiment not in self._runs_of:
            self._runs_of[experiment] = self._search(experiment, "")
        return self._runs_of[experiment]

    def _search(self, experiment: str, query: str) -> dict[Place, _Run]:
        runs, token = {}, None
        while True:
            page = self.client.search_runs([experiment], query, max_results=1000, page_token=token)
            self.answered_at = time.monotonic()
            for run in page:
                tags = run.data.tags
                if KEY in tags:
                    place = tags[KEY], tags.get(SEED, "")
                    runs[place] = _Run(run.info.run_id, run.info.status, tags.get(STATE, ""))
            token = page.token
            if not token:
                return runs

    def _begin(self, experiment: str, place: Place, tags: dict[str, str], start: int) -> _Run:
        """Returns a run, created if MLflow does not have it; `start` in milliseconds since 1970."""
        runs = self._runs(experiment)
        if place not in runs:
            created = self.client.create_run(experiment, start_time=start, tags=tags)
            self.answered_at = time.monotonic()
            runs[place] = _Run(created.info.run_id, "RUNNING", "")
        return runs[place]

    def _write(
        self,
        run: _Run,
        values: list[Value],
        parameters: Mapping[str, Any],
        tags: Mapping[str, str],
        state: str,
        failed: bool,
        now: int,
    ) -> None:
        """Logs a run to its end; the state goes last, so that a run that was not finished is written again."""
        from mlflow.entities import Metric, Param, RunTag

        metrics = [Metric(metric_name(name), value, now, epoch) for name, value, epoch in values]
        params = [] if run.state else [Param(name, str(value)) for name, value in parameters.items()]
        run_tags = [RunTag(name, value) for name, value in {**tags, STATE: state}.items()]
        for start in range(METRICS_WITH_THE_REST, len(metrics), LARGEST_BATCH):
            self.client.log_batch(run.run_id, metrics=metrics[start : start + LARGEST_BATCH])
            self.answered_at = time.monotonic()
        self.client.log_batch(run.run_id, metrics=metrics[:METRICS_WITH_THE_REST], params=params, tags=run_tags)
        status = "FAILED" if failed else "FINISHED"
        self.client.set_terminated(run.run_id, status, now)
        run.status, run.state = status, state
        self.answered_at = time.monotonic()


def open_tracker(uri: str | None, runs: str, patient: bool = False) -> Tracker:
    """Returns a tracker; a local database keeps its artifacts beside it in the run folder.

    Args:
        uri: of MLflow.
        runs: the run folder.
        patient: as `Tracker` takes it.

    Raises:
        TrackingError: no URI, or MLflow cannot be reached there.
    """
    if uri is None:
        raise TrackingError("a remote run folder has no MLflow of its own; name one with --tracking-uri")
    is_local = is_sqlite(uri) and not is_remote(runs)
    with tracking_errors():
        if is_sqlite(uri):
            local_database.check(uri)
        if is_local:
            local_database.create(uri, lambda new_uri: Tracker(new_uri, None).client.search_experiments(max_results=1))
        return Tracker(uri, artifacts_in(runs) if is_local else None, runs, patient)


def check_tracking(uri: str | None, runs: str, fix: bool) -> Finding:
    """Returns whether MLflow can be reached and no run was left RUNNING by a dead driver; `fix` ends those."""
    if uri is None:
        return Finding("MLflow", "not applicable", "off: the run folder is remote and no --tracking-uri is given")
    uri_to_show = without_password(uri)
    try:
        num_running = open_tracker(uri, runs).left_running(fix)
    except TrackingError as error:
        return Finding("MLflow", "failed", f"{error}; records are safe, study.report --sync fills it later")
    if num_running and not fix:
        advice = "if no driver is at work, --fix ends them"
        return Finding("MLflow", "failed", f"{num_running} runs RUNNING in {uri_to_show}; {advice}")
    return Finding("MLflow", "ok", uri_to_show + (f"; {num_running} RUNNING runs ended" if num_running else ""))
