"""All of MLflow: records -> a parent run per configuration and a child run per seed. A view that can be rebuilt.

Every run is looked up by its tags before it is created, so logging again changes nothing, and an earlier driver's death
leaves nothing twice. Nothing here is fatal: the first error is said once and logging stops until the next sync.
"""

import hashlib
import logging
import os
import time
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from study.locations import is_remote, without_password
from study.studies import Study
from study.tracking import local_database
from study.tracking.contents import (
    LEVEL,
    NOTE,
    finished_at,
    labels_of,
    means_of,
    metric_name,
    note_of,
    started_at,
    values_of,
)
from trainables.errors import StudyError, first_line
from trainables.finding import Finding
from trainables.storage import Record

log = logging.getLogger(__name__)


class TrackingError(StudyError):
    """MLflow, its server or its database did not do what was asked; the records are not touched by it."""


KEY, SEED, STATE = "study.key", "study.seed", "study.state"
BATCH = 1000
LONGEST_STATE = 4000  # characters; MLflow takes tags of 8000


@dataclass
class _Known:
    """A run that MLflow has already."""

    run_id: str
    status: str
    state: str


class Tracker:
    """Logs to one MLflow server or database; use from one thread only."""

    def __init__(self, uri: str, artifacts: str | None) -> None:
        """Connects (and creates a local database).

        Args:
            uri: an MLflow tracking URI.
            artifacts: where experiments created here keep artifacts; None leaves it to the server.
        """
        os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
        os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "1")  # a server that is away must not hold a study up
        from mlflow.tracking import MlflowClient

        for name in ("alembic", "mlflow", "urllib3"):  # after the import, which sets them
            logging.getLogger(name).setLevel(logging.ERROR)
        if uri.startswith("sqlite:"):
            local_database.tune()
        self.client: MlflowClient = MlflowClient(tracking_uri=uri)
        self._artifacts = artifacts
        self._experiments: dict[str, str] = {}
        self._known: dict[str, dict[tuple[str, str], _Known]] = {}

    def sync(self, study: Study, records: Iterable[Record]) -> int:
        """Brings MLflow in line with a study's records, all of one configuration together; returns runs written.

        Raises:
            TrackingError: whatever MLflow raised, on one line.
        """
        by_key: dict[str, list[Record]] = defaultdict(list)
        for record in records:
            by_key[record.key].append(record)
        with one_line():
            return sum(self._sync_configuration(study, sorted(its, key=lambda r: r.seed)) for its in by_key.values())

    def log_files(self, study: Study, key: str, seed: int | None, files: Sequence[Path], folder: str) -> None:
        """Attaches files to the run of a seed, or with None to the run of its configuration; raises as `sync`."""
        run_id = self.run_id(study, key, seed)
        with one_line():
            for file in files:
                self.client.log_artifact(run_id, str(file), folder)

    def run_id(self, study: Study, key: str, seed: int | None) -> str:
        """Returns MLflow's id of a run that was synced; raises as `sync`."""
        with one_line():
            return self._runs(self.experiment_id(study))[key, "" if seed is None else str(seed)].run_id

    def left_running(self, end: bool) -> int:
        """Returns how many of this project's runs are RUNNING; with `end` they are ended as KILLED."""
        with one_line():
            ours = self.client.search_experiments(filter_string="name LIKE 'final-bn/%'")
            found = [run for e in ours for run in self.client.search_runs([e.experiment_id], "status = 'RUNNING'")]
            for run in found if end else ():
                self.client.set_terminated(run.info.run_id, "KILLED")
        return len(found)

    def _sync_configuration(self, study: Study, records: list[Record]) -> int:
        experiment = self.experiment_id(study)
        key, runs = records[0].key, self._runs(experiment)
        states = {(key, str(record.seed)): f"{record.status} {record.finished_at}" for record in records}
        if not {(key, ""), *states} <= runs.keys():  # another command may have logged them since
            runs.update(self._search(experiment, f"tags.`{KEY}` = '{key}'"))
        stale = [r for r in records if not _is_current(runs.get((key, str(r.seed))), states[key, str(r.seed)])]
        parent_state = " ".join(f"{record.seed}:{states[key, str(record.seed)]}" for record in records)
        if len(parent_state) > LONGEST_STATE:
            parent_state = hashlib.sha256(parent_state.encode()).hexdigest()
        if not stale and _is_current(runs.get((key, "")), parent_state):
            return 0
        first = records[0]
        parent_tags = {KEY: key, LEVEL: "configuration", "mlflow.runName": first.arm, **labels_of(study, first)}
        parent = self._open(experiment, runs, (key, ""), parent_tags, started_at(first))
        for record in stale:
            tags = {KEY: key, LEVEL: "seed", SEED: str(record.seed), **labels_of(study, record),
                    "mlflow.runName": f"{record.arm}, seed {record.seed}",
                    "mlflow.parentRunId": parent.run_id}  # fmt: skip
            child = self._open(experiment, runs, (key, str(record.seed)), tags, started_at(record))
            more = {"study.reason": record.reason} if record.reason else {}
            params = {**record.configuration, "seed": record.seed}
            failed = record.status == "failed"
            self._write(
                child, values_of(record), params, more, states[key, str(record.seed)], failed, finished_at(record)
            )
        complete = [record for record in records if record.status == "complete"]
        failed = len(complete) < len(records)
        # at one step MLflow shows the value of the latest time, so a mean that changes needs a later one
        now = max(int(time.time() * 1000), *map(finished_at, records))
        self._write(parent, means_of(complete), first.configuration, {}, parent_state, failed, now)
        return len(stale) + 1

    def experiment_id(self, study: Study) -> str:
        """Returns MLflow's id of a study's experiment, made if it is not there."""
        name = f"final-bn/{study.name}"
        if name not in self._experiments:
            found = self.client.get_experiment_by_name(name)
            if found is None:
                place = f"{self._artifacts}/{study.name}" if self._artifacts else None
                note = {NOTE: note_of(study)}
                self._experiments[name] = self.client.create_experiment(name, artifact_location=place, tags=note)
            else:
                self._experiments[name] = found.experiment_id
        return self._experiments[name]

    def _runs(self, experiment: str) -> dict[tuple[str, str], _Known]:
        """Returns {(key, seed or ""): run} of an experiment, read once."""
        if experiment not in self._known:
            self._known[experiment] = self._search(experiment, "")
        return self._known[experiment]

    def _search(self, experiment: str, query: str) -> dict[tuple[str, str], _Known]:
        known, token = {}, None
        while True:
            page = self.client.search_runs([experiment], query, max_results=1000, page_token=token)
            for run in page:
                tags = run.data.tags
                if KEY in tags:
                    found = _Known(run.info.run_id, run.info.status, tags.get(STATE, ""))
                    known[tags[KEY], tags.get(SEED, "")] = found
            token = page.token
            if not token:
                return known

    def _open(
        self,
        experiment: str,
        runs: dict[tuple[str, str], _Known],
        place: tuple[str, str],
        tags: dict[str, str],
        start: int,
    ) -> _Known:
        if place not in runs:
            created = self.client.create_run(experiment, start_time=start, tags=tags)
            runs[place] = _Known(created.info.run_id, "RUNNING", "")
        return runs[place]

    def _write(
        self, run: _Known, metrics: list[tuple[str, float, int]], params: Mapping[str, Any], tags: Mapping[str, str],
        state: str, failed: bool, now: int,
    ) -> None:  # fmt: skip
        from mlflow.entities import Metric, Param, RunTag

        entries = [Metric(metric_name(name), value, now, step) for name, value, step in metrics]
        settings = [Param(name, str(value)) for name, value in params.items()] if not run.state else []
        labels = [RunTag(name, value) for name, value in {**tags, STATE: state}.items()]
        for start in range(BATCH - 200, len(entries), BATCH):
            self.client.log_batch(run.run_id, metrics=entries[start : start + BATCH])
        self.client.log_batch(run.run_id, metrics=entries[: BATCH - 200], params=settings, tags=labels)
        status = "FAILED" if failed else "FINISHED"
        self.client.set_terminated(run.run_id, status, now)
        run.status, run.state = status, state


def open_tracker(uri: str | None, runs: str) -> Tracker:
    """Returns a tracker; a local database keeps its artifacts beside it in the run folder.

    Raises:
        TrackingError: no URI, or MLflow cannot be reached there.
    """
    if uri is None:
        raise TrackingError("a remote run folder has no MLflow of its own; name one with --tracking-uri")
    local = uri.startswith("sqlite:") and not is_remote(runs)
    with one_line():
        if local:
            local_database.create(uri, lambda new: Tracker(new, None).client.search_experiments(max_results=1))
        return Tracker(uri, f"{runs}/mlflow-artifacts" if local else None)


def check_tracking(uri: str | None, runs: str, fix: bool) -> Finding:
    """Returns whether MLflow can be reached and no run was left RUNNING by a dead driver; `fix` ends those."""
    if uri is None:
        return Finding("MLflow", "not applicable", "off: the run folder is remote and no --tracking-uri is given")
    shown = without_password(uri)
    try:
        left = open_tracker(uri, runs).left_running(fix)
    except TrackingError as error:
        return Finding("MLflow", "failed", f"{error}; records are safe, study.report --sync fills it later")
    if left and not fix:
        return Finding("MLflow", "failed", f"{left} runs RUNNING in {shown}; if no driver is at work, --fix ends them")
    return Finding("MLflow", "ok", shown + (f"; {left} RUNNING runs ended" if left else ""))


@contextmanager
def one_line() -> Iterator[None]:
    """Turns whatever MLflow, its server or its database raises into a TrackingError of one line."""
    try:
        yield
    except TrackingError:  # of a part of it, on one line already
        raise
    except Exception as error:
        line = first_line(error)
        if " failed with exception " in line:  # a server that does not answer: the request, then why
            cause = error
            while cause.__context__ is not None:
                cause = cause.__context__  # type: ignore[assignment]
            line = f"{line.partition(' failed with exception ')[0]} failed: {cause}"
        raise TrackingError(without_password(f"MLflow: {type(error).__name__}: {line}")) from error


def _is_current(run: _Known | None, state: str) -> bool:
    return run is not None and run.state == state and run.status in ("FINISHED", "FAILED")
