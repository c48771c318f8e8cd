"""The main job as a user runs it, with real Ray and real MLflow: killed, run again, extended, reported, exported.

What the end of a process is about (a kill, Ctrl-C, a job) has processes of its own; the rest runs in this one.
"""

import json
import secrets
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from tests.support.commands import run_here
from tests.support.faults import ROOT, Nodes, num_records, open_sockets, until

SMALL = (
    "--set",
    "schedule.epochs=50",
    "--where",
    "augmentation.transform=none",
    "--where",
    "mixup_alpha=0",
    "--where",
    "weight_decay=0",
)  # fmt: skip  four arms of the digits study

ONE_PROCESS = ("--cpus-per-trial", "2")  # trials one after another: fewer processes to start

pytestmark = [pytest.mark.usefixtures("ray_local"), pytest.mark.timeout(300)]


def _tracked(runs: Path) -> Counter[tuple[str, str]]:
    from mlflow.tracking import MlflowClient

    client = MlflowClient(f"sqlite:///{runs}/mlflow.db")
    experiment = client.get_experiment_by_name("final-bn/digits")
    assert experiment is not None
    found = client.search_runs([experiment.experiment_id])
    return Counter((run.data.tags["study.level"], run.info.status) for run in found)


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run folder in which four arms have two seeds, made by a driver that was killed and one that went on."""
    folder = tmp_path_factory.mktemp("runs")
    command = [sys.executable, "-m", "study.grid", *SMALL, *ONE_PROCESS, "--seeds", "2", "--runs", str(folder)]
    killed = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    until(lambda: num_records(folder) > 0)
    on_loopback, reachable = open_sockets(killed)
    killed.send_signal(signal.SIGKILL)
    killed.wait()
    assert len(on_loopback) > 5, "these are not the sockets of a Ray"
    assert reachable == []  # from other machines
    before = num_records(folder)
    assert 0 < before < 8, "the kill came too late to show anything"
    done = run_here("study.grid", *SMALL, "--seeds", "2", runs=folder)
    assert done.returncode == 0, done.stderr
    already = int(done.stdout.split(": ")[1].split(" done")[0])
    assert before <= already <= 8  # the killed driver's workers may have come to an end too
    assert f"{8 - already} runs done, {already} were there" in done.stdout
    return folder


def test_a_killed_study_is_completed_and_nothing_is_there_twice(runs: Path) -> None:
    assert num_records(runs) >= 8
    tracked = _tracked(runs)
    assert tracked["configuration", "FINISHED"] == 4
    assert set(tracked) == {("configuration", "FINISHED"), ("seed", "FINISHED")}


def test_the_same_command_again_has_nothing_to_do(runs: Path) -> None:
    again = run_here("study.grid", *SMALL, "--seeds", "2", runs=runs)
    assert again.returncode == 0
    assert "8 done, 0 to do" in again.stdout


def test_more_seeds_do_the_rest(runs: Path) -> None:
    more = run_here("study.grid", *SMALL, "--seeds", "3", runs=runs)
    assert "8 done, 4 to do in 4 trials" in more.stdout
    assert _tracked(runs)["seed", "FINISHED"] == 12


def test_the_report_is_never_cut(runs: Path) -> None:
    shown = run_here("study.report", "digits", runs=runs)
    assert shown.returncode == 0, shown.stderr
    assert "final BN + weighted loss" in shown.stdout
    assert "…" not in shown.stdout


def test_the_report_as_json_is_json(runs: Path) -> None:
    (group,) = json.loads(run_here("study.report", "--format", "json", runs=runs).stdout)
    assert group["group"] == "schedule.epochs=50"
    assert {claim["claim"] for claim in group["claims"]} >= {"H0", "H0 both", "H1a", "H1b"}


def test_export_writes_verified_files_and_logs_them(runs: Path) -> None:
    done = run_here("export", "digits", runs=runs)
    assert done.returncode == 0, done.stderr
    assert all(variant in done.stdout for variant in ("keep", "fold", "remove", "none", "H1a, removed", "H1b, and"))
    files = Counter(path.name for path in (runs / "onnx").rglob("*") if path.is_file())
    assert files["keep.onnx"] == files["fold.onnx"] == files["remove.onnx"] == files["none.onnx"] >= 2
    assert list((runs / "mlflow-artifacts").rglob("fold.onnx")) != []


def test_export_of_what_was_never_run_says_what_to_do(runs: Path) -> None:
    done = run_here("export", "table7", runs=runs)
    assert done.returncode == 2
    assert "python -m study.grid table7" in done.stderr
    assert done.stderr.count("\n") == 1


def test_a_nan_loss_fails_its_runs_by_name_and_the_rest_finish(tmp_path: Path) -> None:
    # without a norm these scores overflow; with one they cannot
    arguments = (*SMALL, "--where", "class_weights=none", "--seeds", "1", "--set", "learning_rate=1e38")
    done = run_here("study.grid", *arguments, runs=tmp_path)
    assert done.returncode == 1
    assert "failed: digits, plain, seed 0: seed 0: training loss is nan" in done.stderr
    assert "Traceback" not in done.stderr


def _is_alive(process: psutil.Process) -> bool:
    try:
        return bool(process.status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


@pytest.mark.parametrize(
    ("number", "code", "by"), [(signal.SIGINT, 130, ""), (signal.SIGTERM, 143, " by SIGTERM")], ids=["INT", "TERM"]
)
def test_told_to_stop_it_keeps_what_is_finished(number: signal.Signals, code: int, by: str, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "study.grid", *ONE_PROCESS, "--seeds", "2", "--runs", str(tmp_path)]
    with subprocess.Popen(
        command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),  # a shell's background has it off
    ) as running:  # fmt: skip
        until(lambda: num_records(tmp_path) > 0)
        family = psutil.Process(running.pid).children(recursive=True)
        running.send_signal(number)
        assert running.stderr is not None
        said = running.stderr.read()
    assert running.returncode == code
    assert said == f"stopped{by}; what is finished is recorded, the same command goes on\n"
    assert num_records(tmp_path) < 64
    assert not (tmp_path / "driver-lease.json").exists()
    until(lambda: not any(map(_is_alive, family)))  # nothing is left behind


def test_a_run_folder_that_cannot_be_written_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    done = run_here("study.grid", runs=tmp_path / "file" / "runs")
    assert done.returncode == 1
    assert "cannot be written" in done.stderr
    assert done.stderr.count("\n") == 1


@pytest.fixture
def head(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The address of a Ray head of its own, token authentication on; `python` there is this interpreter."""
    nodes = Nodes()
    for name in ("PATH", "RAY_AUTH_MODE", "RAY_AUTH_TOKEN"):
        monkeypatch.setenv(name, nodes.environment[name])
    try:
        nodes.head(cpus=1)
        yield nodes.jobs
    finally:
        nodes.stop()


def test_ray_job_submit(head: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    arguments = ("python", "-m", "study.grid", *SMALL, "--seeds", "1", "--runs", str(tmp_path))
    submit = ["ray", "job", "submit", "--address", head, "--working-dir", ".", "--", *arguments]
    done = subprocess.run(submit, capture_output=True, text=True, cwd=ROOT, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"inside a Ray job: runs go to {tmp_path}" in done.stdout
    assert "4 runs done, 0 were there, 0 failed" in done.stdout
    assert num_records(tmp_path) == 4
    monkeypatch.setenv("RAY_AUTH_TOKEN", secrets.token_hex(32))
    refused = subprocess.run(["ray", "job", "list", "--address", head], capture_output=True, text=True, check=False)
    assert refused.returncode != 0
    assert "Invalid authentication token" in refused.stdout + refused.stderr


def test_a_study_that_compares_nothing(tmp_path: Path) -> None:
    """K21's 38 classes, made small: one arm, no rare class, images that stay on disk."""
    import numpy as np
    from PIL import Image

    from study.studies import find

    classes = find(["plantvillage38"])[0].arms[0].configuration.data.classes
    assert len(classes) == 38
    for number, name in enumerate(classes):
        folder = tmp_path / "data" / "plantvillage" / "color" / name
        folder.mkdir(parents=True)
        for i in range(10):
            noise = np.random.default_rng((number, i)).integers(0, 255, (16, 16, 3), dtype=np.uint8)
            Image.fromarray(noise).save(folder / f"{i}.png")
    options = ("--data-root", str(tmp_path / "data"), "--weights", "none", "--image-size", "32", "--network", "cnn")
    done = run_here("study.grid", "plantvillage38", *options, "--set", "trainable=all", runs=tmp_path / "runs")
    assert done.returncode == 0, done.stderr
    assert "1 runs done, 0 were there, 0 failed" in done.stdout
    assert "0.998" in done.stdout  # the paper's accuracy beside ours
    exported = run_here("export", "plantvillage38", runs=tmp_path / "runs")
    assert exported.returncode == 2
    assert "it compares nothing; choose with --key" in exported.stderr
