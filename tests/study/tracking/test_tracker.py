"""MLflow as a view: built from records, the same when built again, never in the way."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from study.studies.declaration import Arm, Study
from study.tracking.background import BackgroundTracker
from study.tracking.connection import TrackingError
from study.tracking.tracker import open_tracker
from trainables.configuration import Configuration
from trainables.storage.record import Record

STUDY = Study("s", "source", "title", (Arm("plain", Configuration()),), (), ())


def _record(
    seed: int, value: float = 0.5, status: str = "complete", finished: str = "2026-01-01T00:00:00+00:00"
) -> Record:
    return Record(
        study="s", arm="plain", key="k", seed=seed, status="failed" if status == "failed" else "complete",
        reason="NaN" if status == "failed" else "", configuration=Configuration().flat(), data_fingerprint="f",
        seconds=1, finished_at=finished, device="cpu", best_epoch_by_validation=1, best_epoch_by_test=2,
        history={"train/loss/all": [1.0, 0.5], "test/f1/minority": [0.1, value], "test/f1/odd name, (x)": [0.1, None]},
    )  # fmt: skip


def _runs(uri: str) -> list[tuple[str, str, str, dict[str, float]]]:
    from mlflow.tracking import MlflowClient

    client = MlflowClient(uri)
    experiment = client.get_experiment_by_name("final-bn/s")
    assert experiment is not None
    return [
        (run.data.tags["study.level"], run.data.tags.get("study.seed", ""), run.info.status, run.data.metrics)
        for run in client.search_runs([experiment.experiment_id])
    ]


@pytest.fixture
def uri(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path}/mlflow.db"


@pytest.mark.timeout(120)
def test_a_command_that_logs_meanwhile_makes_nothing_twice(uri: str, tmp_path: Path) -> None:
    driver, other = open_tracker(uri, str(tmp_path)), open_tracker(uri, str(tmp_path))
    driver.sync(STUDY, [_record(0)])
    other.sync(STUDY, [_record(0), _record(1)])  # `study.report --sync`, say, of what the driver has not logged yet
    driver.sync(STUDY, [_record(0), _record(1)])
    assert Counter(level for level, *_ in _runs(uri)) == {"configuration": 1, "seed": 2}


@pytest.mark.timeout(120)
def test_a_complete_run_that_doctor_ended_is_finished_by_the_next_sync(uri: str, tmp_path: Path) -> None:
    tracker = open_tracker(uri, str(tmp_path))
    tracker.sync(STUDY, [_record(0)])
    tracker.client.set_terminated(tracker.run_id(STUDY, "k", 0), "KILLED")
    open_tracker(uri, str(tmp_path)).sync(STUDY, [_record(0)])
    assert {status for _, _, status, _ in _runs(uri)} == {"FINISHED"}


@pytest.mark.timeout(120)
def test_parents_and_children_once_however_often(uri: str, tmp_path: Path) -> None:
    records = [_record(0, 0.4), _record(1, 0.6)]
    assert open_tracker(uri, str(tmp_path)).sync(STUDY, records) == 3
    for _ in range(2):  # also by another process that knows nothing yet
        assert open_tracker(uri, str(tmp_path)).sync(STUDY, records) == 0
    runs = _runs(uri)
    assert Counter((level, status) for level, _, status, _ in runs) == {
        ("configuration", "FINISHED"): 1,
        ("seed", "FINISHED"): 2,
    }
    (parent,) = [metrics for level, _, _, metrics in runs if level == "configuration"]
    assert parent["test/f1/minority"] == pytest.approx(0.5)
    assert parent["seeds"] == 2
    child = next(metrics for _, seed, _, metrics in runs if seed == "0")
    assert child["test/f1/minority"] == pytest.approx(0.4)
    assert child["test-at-best-validation/f1/minority"] == pytest.approx(0.1)


@pytest.mark.timeout(120)
def test_more_seeds_later_and_a_failed_run_that_was_repeated(uri: str, tmp_path: Path) -> None:
    tracker = open_tracker(uri, str(tmp_path))
    tracker.sync(STUDY, [_record(0), _record(1, status="failed")])
    assert sorted(status for level, _, status, _ in _runs(uri) if level == "seed") == ["FAILED", "FINISHED"]
    again = [_record(0), _record(1, 0.7, finished="2026-01-02T00:00:00+00:00"), _record(2)]
    assert tracker.sync(STUDY, again) == 3  # seeds 1 and 2, and their parent
    assert Counter(status for _, _, status, _ in _runs(uri)) == {"FINISHED": 4}


@pytest.mark.timeout(120)
def test_the_mean_of_a_configuration_follows_its_seeds_also_downwards(uri: str, tmp_path: Path) -> None:
    tracker = open_tracker(uri, str(tmp_path))
    tracker.sync(STUDY, [_record(0, 0.9), _record(2, 0.9)])
    tracker.sync(STUDY, [_record(0, 0.9), _record(1, 0.1), _record(2, 0.9)])  # a lower seed comes later
    (parent,) = [metrics for level, _, _, metrics in _runs(uri) if level == "configuration"]
    assert parent["test/f1/minority"] == pytest.approx(1.9 / 3)
    assert parent["seeds"] == 3


@pytest.mark.timeout(120)
def test_what_a_killed_driver_left_running_is_completed_not_repeated(uri: str, tmp_path: Path) -> None:
    tracker = open_tracker(uri, str(tmp_path))

    def killed(*args: object, **kwargs: object) -> None:
        raise KeyboardInterrupt  # not an Exception: nothing after it runs, as with SIGKILL

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tracker.client, "log_batch", killed)
        with pytest.raises(KeyboardInterrupt):
            tracker.sync(STUDY, [_record(0)])
    assert [status for _, _, status, _ in _runs(uri)] == ["RUNNING", "RUNNING"]
    open_tracker(uri, str(tmp_path)).sync(STUDY, [_record(0)])
    assert [status for _, _, status, _ in _runs(uri)] == ["FINISHED", "FINISHED"]


def test_a_server_that_is_away_is_said_once_and_is_never_fatal(tmp_path: Path) -> None:
    warnings: list[str] = []
    tracker = BackgroundTracker("http://127.0.0.1:9", str(tmp_path), warnings.append)
    for _ in range(3):
        tracker.sync(STUDY, lambda: [_record(0)])
    assert tracker.close() is False
    assert len(warnings) == 1
    assert "study.report --sync" in warnings[0]
    with pytest.raises(TrackingError, match=r"http://127.0.0.1:9/.* failed: .*refused$"):
        open_tracker("http://127.0.0.1:9", str(tmp_path)).sync(STUDY, [_record(0)])


@pytest.fixture
def server(tmp_path: Path) -> Iterator[str]:
    """A real MLflow server on a free port."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    places = ["--backend-store-uri", f"sqlite:///{tmp_path}/server.db", "--artifacts-destination", f"{tmp_path}/files"]
    process = subprocess.Popen(
        [sys.executable, "-m", "mlflow", "server", "--port", str(port), "--workers", "1", *places],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True,
    )  # fmt: skip
    try:
        for _ in range(600):
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    break
            time.sleep(0.2)
        yield f"http://127.0.0.1:{port}"
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


@pytest.mark.timeout(180)
def test_a_real_server_gets_runs_and_files(server: str, tmp_path: Path) -> None:
    tracker = open_tracker(server, str(tmp_path))
    assert tracker.sync(STUDY, [_record(0)]) == 2
    (tmp_path / "note.txt").write_text("hello")
    tracker.log_files(STUDY, "k", 0, [tmp_path / "note.txt"], "onnx")
    assert tracker.sync(STUDY, [_record(0)]) == 0
    assert (list((tmp_path / "files").rglob("note.txt"))) != []
