"""Trials through a real Ray: reused actors leak nothing, a failing trial leaves the others alone."""

import os
import re
import signal
import threading
from pathlib import Path

import psutil
import pytest
import ray

from study.execution.prepare import prepare_trials
from study.execution.resources import Resources
from study.execution.trials import run_trials, run_work
from trainables.configuration import Configuration, Trial
from trainables.data.images import Images
from trainables.run import run
from trainables.storage.checkpoint import Checkpoint
from trainables.storage.run_folder import RunFolder
from trainables.training.inputs import Inputs
from trainables.tune import Store, Work, data_key


class _Observer:
    def __init__(self) -> None:
        self.failures_of_arm: dict[str, dict[int, str]] = {}

    def epoch_done(self, trial: Trial, epoch: int, validation_minority_f1: float) -> None:
        assert epoch <= trial.configuration.schedule.epochs

    def trial_done(self, trial: Trial, failures: dict[int, str]) -> None:
        self.failures_of_arm[trial.arm] = failures


def _run(trials: list[Trial], runs: Path, cpus: float = 1) -> _Observer:
    observer = _Observer()
    prepared = prepare_trials(trials, Path(), str(runs), {}, 0, print)
    run_trials(trials, prepared.store, str(runs), Resources(cpus=cpus), observer)
    return observer


def _trial_processes() -> list[psutil.Process]:
    processes = psutil.Process().children(recursive=True)
    return [process for process in processes if re.search("StudyTrainable|ResourceTrainable", process.name())]


@pytest.mark.usefixtures("ray_local")
@pytest.mark.timeout(180)
def test_reused_actors_equal_fresh_processes_bit_for_bit(tmp_path: Path, tiny: Configuration, digits: Images) -> None:
    busy = {"augmentation.transform": "digits", "augmentation.mixup_alpha": 0.4, "loss.class_weights": "inverse"}
    arms = {"a": tiny, "b": tiny.replace(busy), "c": tiny.replace({"network.first_norm": "batch"}), "d": tiny}
    trials = [Trial("s", name, arm, (0, 1) if name != "d" else (2,)) for name, arm in arms.items()]
    observer = _run(trials, tmp_path / "reused")  # one CPU, four trials: the actor is used again
    assert observer.failures_of_arm == {"a": {}, "b": {}, "c": {}, "d": {}}
    for trial in trials:
        *_, last = run(trial, Inputs(digits), RunFolder(str(tmp_path / "fresh")))
        for fresh in last.records:
            reused = RunFolder(str(tmp_path / "reused")).read("s", fresh.key, fresh.seed)
            assert reused is not None
            assert reused.files == fresh.files  # checksums of weights and predictions
            assert reused.history == fresh.history


@pytest.mark.usefixtures("ray_local")
@pytest.mark.timeout(180)
def test_a_failing_trial_is_reported_and_the_rest_finish(tmp_path: Path, tiny: Configuration) -> None:
    exploding = tiny.replace({"optimiser.learning_rate": 1e38, "network.final_norm": "none"})
    observer = _run([Trial("s", "bad", exploding, (0,)), Trial("s", "good", tiny, (0,))], tmp_path)
    assert observer.failures_of_arm["good"] == {}
    assert "training loss is" in observer.failures_of_arm["bad"][0]
    statuses = {record.arm: record.status for record in RunFolder(str(tmp_path)).records("s")}
    assert statuses == {"good": "complete", "bad": "failed"}


@pytest.mark.usefixtures("ray_local")
@pytest.mark.timeout(180)
def test_a_killed_trial_process_goes_on_from_its_checkpoint(
    tmp_path: Path, tiny: Configuration, digits: Images
) -> None:
    """The process is killed in the middle; the trial is tried again, goes on, and ends with the same bits."""
    from trainables.tune.study_trainable import SECONDS_PER_REPORT

    long = tiny.replace({"schedule.epochs": 600})
    trial = Trial("s", "long", long, (0, 1))
    whole = list(run(trial, Inputs(digits), RunFolder(str(tmp_path / "whole"))))[-1].records
    work = Work([trial], Store({data_key(long): ray.put(digits)}), str(tmp_path / "killed"), seconds_per_checkpoint=0)
    folder, seen = RunFolder(work.runs), list[int]()
    checkpoint = Checkpoint(folder, "s", long.key, (0, 1), digits.fingerprint)

    def kill() -> None:
        while (state := checkpoint.read()) is None:
            threading.Event().wait(0.05)
        seen.append(int(state["epoch"]))
        for process in _trial_processes():
            process.kill()

    killer = threading.Thread(target=kill)
    killer.start()
    observer = _Observer()
    run_work(work, Resources(), observer)
    killer.join()
    assert observer.failures_of_arm == {"long": {}}
    assert 0 < seen[0] < 600, f"killed after {seen[0]} epochs; a report comes after {SECONDS_PER_REPORT} s"
    assert checkpoint.read() is None  # an ended trial needs none
    for before in whole:
        after = folder.read("s", long.key, before.seed)
        assert after is not None
        assert after.files == before.files
        assert after.history == before.history


@pytest.mark.usefixtures("ray_local")
@pytest.mark.timeout(180)
def test_a_stopped_trial_process_is_named_ended_and_tried_again(
    tmp_path: Path, tiny: Configuration, digits: Images, caplog: pytest.LogCaptureFixture
) -> None:
    trial = Trial("s", "long", tiny.replace({"schedule.epochs": 600}), (0, 1))
    work = Work([trial], Store({data_key(trial.configuration): ray.put(digits)}), str(tmp_path))
    stopped = list[int]()

    class _StopOnce(_Observer):
        def epoch_done(self, trial: Trial, epoch: int, validation_minority_f1: float) -> None:
            if not stopped:
                stopped.extend(process.pid for process in _trial_processes())
                for pid in stopped:
                    os.kill(pid, signal.SIGSTOP)

    observer = _StopOnce()
    run_work(work, Resources(), observer, stall_timeout=15)
    assert observer.failures_of_arm == {"long": {}}
    assert len(list(RunFolder(str(tmp_path)).records("s"))) == 2
    said = [record.getMessage() for record in caplog.records if record.name == "study.execution.stalls"]
    assert len(said) == 1
    assert re.match(rf"s, long, seeds 0,1: no report for \d+ s, process {stopped[0]} on \S+: it is stopped", said[0])
    assert said[0].endswith("; ended, to be tried again")
    assert not psutil.pid_exists(stopped[0])


@pytest.mark.usefixtures("ray_local")
@pytest.mark.timeout(180)
def test_a_node_that_joins_later_and_does_not_share_the_folder_runs_nothing(
    tmp_path: Path, tiny: Configuration, digits: Images
) -> None:
    trial = Trial("s", "arm", tiny, (0,))
    store = Store({data_key(tiny): ray.put(digits)})
    observer = _Observer()
    work = Work([trial], store, str(tmp_path), marker=str(tmp_path / "what the driver wrote elsewhere"))
    run_work(work, Resources(), observer)
    assert f"does not share the run folder {tmp_path}" in observer.failures_of_arm["arm"][0]
    assert not list(tmp_path.glob("s/*"))
