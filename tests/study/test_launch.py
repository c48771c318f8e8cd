"""Trials through a real Ray: reused actors leak nothing, a failing trial leaves the others alone."""

from pathlib import Path

import pytest

from study import launch
from study.prepare import prepare
from trainables.configuration import Configuration
from trainables.images import Images, Inputs
from trainables.records import RunFolder
from trainables.run import Trial, run


class _Heard:
    def __init__(self) -> None:
        self.done: dict[str, dict[int, str]] = {}

    def epoch_done(self, trial: Trial, epoch: int, validation_minority_f1: float) -> None:
        assert epoch <= trial.configuration.schedule.epochs

    def trial_done(self, trial: Trial, failures: dict[int, str]) -> None:
        self.done[trial.arm] = failures


def _launch(trials: list[Trial], runs: Path, cpus: float = 1) -> _Heard:
    heard = _Heard()
    prepared = prepare(trials, Path(), str(runs), {}, 0, print)
    launch.run_trials(trials, prepared.store, str(runs), launch.Resources(cpus=cpus), heard)
    return heard


@pytest.mark.usefixtures("ray_local")
@pytest.mark.timeout(180)
def test_reused_actors_equal_fresh_processes_bit_for_bit(tmp_path: Path, tiny: Configuration, digits: Images) -> None:
    busy = {"augmentation.transform": "digits", "augmentation.mixup_alpha": 0.4, "loss.class_weights": "inverse"}
    arms = {"a": tiny, "b": tiny.replace(busy), "c": tiny.replace({"network.first_norm": "batch"}), "d": tiny}
    trials = [Trial("s", name, arm, (0, 1) if name != "d" else (2,)) for name, arm in arms.items()]
    heard = _launch(trials, tmp_path / "reused")  # two CPUs, four trials: every actor is used again
    assert heard.done == {"a": {}, "b": {}, "c": {}, "d": {}}
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
    heard = _launch([Trial("s", "bad", exploding, (0,)), Trial("s", "good", tiny, (0,))], tmp_path)
    assert heard.done["good"] == {}
    assert "training loss is" in heard.done["bad"][0]
    statuses = {record.arm: record.status for record in RunFolder(str(tmp_path)).records("s")}
    assert statuses == {"good": "complete", "bad": "failed"}


@pytest.mark.usefixtures("ray_local")
@pytest.mark.timeout(180)
def test_prepare_says_what_the_data_cannot_give(tmp_path: Path, tiny: Configuration) -> None:
    greedy = tiny.replace({"data.train_minority": 100})
    trials = [Trial("s", "a", tiny, (0,)), Trial("s", "b", greedy, (0,))]
    prepared = prepare(trials, Path(), str(tmp_path), {}, 0, print)
    assert list(prepared.problems) == [greedy]
    assert "images asked (random split), 174 there" in prepared.problems[greedy]
    inputs = prepared.store.inputs(tiny)
    assert prepared.fingerprints["digits", None] == inputs.images.fingerprint
    assert inputs.features is None


@pytest.mark.usefixtures("ray_local")
def test_every_node_must_see_the_run_folder(tmp_path: Path) -> None:
    launch.probe_nodes(str(tmp_path))
    assert list(tmp_path.iterdir()) == []
    launch.probe_nodes("file://" + str(tmp_path))
