"""The doctor on a healthy and on a broken set-up; every check that can fail here is made to."""

import subprocess
import sys
from collections.abc import Sequence
from importlib import metadata
from pathlib import Path

import pytest

from export.verification import installation
from study import doctor
from study.execution import check_ray, ray_settings
from study.studies import Choice
from study.tracking import tracker
from study.tuning import arm_search, trial_storage
from trainables.data import datasets

SPACE = (Choice("schedule.batch_size", (16, 32)),)


def _run(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, dict[str, str]]:
    code = doctor.main(arguments)
    lines = capsys.readouterr().out.splitlines()[:-1]
    return code, {line[16:37].strip(): line[:15].strip() for line in lines}


def test_a_healthy_set_up_passes(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ray_settings, "open_ports", lambda: [])  # of what else runs on this machine
    code, states = _run(capsys, "--runs", str(tmp_path / "runs"), "--data-root", str(tmp_path))
    assert code == 0
    assert states["run folder"] == states["MLflow"] == states["onnxruntime"] == states["versions"] == "ok"
    assert states["MNIST"] == states["searches"] == states["Ray cluster"] == "not applicable"


def test_a_broken_set_up_names_what_is_broken(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("")
    raw = tmp_path / "MNIST" / "raw"
    raw.mkdir(parents=True)
    for name in datasets._MNIST_MD5:
        (raw / name).write_bytes(b"not MNIST")
    monkeypatch.setenv("RAY_AUTH_MODE", "disabled")
    monkeypatch.setattr(ray_settings, "open_ports", lambda: ["0.0.0.0:6379 (gcs_server)"])
    monkeypatch.setattr(doctor, "ENOUGH_DISK", 1e9)
    uri = ("--tracking-uri", "http://127.0.0.1:9")
    code, states = _run(capsys, "--runs", str(tmp_path / "file" / "x"), "--data-root", str(tmp_path), *uri)
    assert code == 1
    failed = {subject for subject, state in states.items() if state == "failed"}
    assert failed == {"run folder", "disk", "MNIST", "MLflow", "Ray authentication", "open ports"}


@pytest.mark.parametrize("wheels", [(), ("onnxruntime", "onnxruntime-gpu")])
def test_two_wheels_of_onnxruntime_or_none_fail(wheels: Sequence[str], monkeypatch: pytest.MonkeyPatch) -> None:
    def version(name: str) -> str:
        if name in wheels:
            return "1"
        raise metadata.PackageNotFoundError

    monkeypatch.setattr(installation, "version", version)
    assert [finding.state for finding in installation.check_installation(False)] == ["failed"]


def test_cuda_that_only_torch_sees_fails() -> None:
    assert [finding.state for finding in installation.check_installation(True)] in (["ok", "failed"], ["ok", "ok"])


def test_runs_and_trials_left_running_are_found_and_ended(tmp_path: Path) -> None:
    from mlflow.tracking import MlflowClient

    uri = f"sqlite:///{tmp_path}/mlflow.db"
    assert tracker.check_tracking(uri, str(tmp_path), fix=False).state == "ok"
    client = MlflowClient(uri)
    run = client.create_run(client.create_experiment("final-bn/digits"))
    other = client.create_run(client.create_experiment("somebody else's"))
    assert tracker.check_tracking(uri, str(tmp_path), fix=False).state == "failed"
    assert tracker.check_tracking(uri, str(tmp_path), fix=True).state == "ok"
    assert client.get_run(run.info.run_id).info.status == "KILLED"
    assert client.get_run(other.info.run_id).info.status == "RUNNING"

    storage = trial_storage.open_storage(None, str(tmp_path))
    trial_storage.begin("final-bn/s", storage, SPACE, ["maximize"], [])
    arm_search.ArmSearch("final-bn/s", storage, SPACE, ["minority_f1"], ["maximize"], 1, 0, 1).suggest("0")
    assert trial_storage.check_trial_storage(None, str(tmp_path), fix=False).state == "failed"
    assert "1 RUNNING trials put back" in trial_storage.check_trial_storage(None, str(tmp_path), fix=True).detail
    assert trial_storage.check_trial_storage(None, str(tmp_path), fix=False).state == "ok"
    assert trial_storage.check_trial_storage("nonsense", str(tmp_path), fix=False).state == "failed"


def test_a_cluster_that_is_not_there_fails_in_one_line(tmp_path: Path) -> None:
    program = f"from study.execution import check_ray; print(check_ray({str(tmp_path)!r})[1])"
    environment = {"PATH": "/usr/bin:/bin", "RAY_ADDRESS": "127.0.0.1:1", "HOME": str(tmp_path)}
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, env=environment,
                          cwd=Path(__file__).parents[2], check=False)  # fmt: skip
    assert "state='failed', detail='RAY_ADDRESS=127.0.0.1:1: no Ray cluster answers" in done.stdout, done.stderr


def test_one_machine_needs_no_address(tmp_path: Path) -> None:
    assert [finding.state for finding in check_ray(str(tmp_path))] == ["ok", "not applicable"]
