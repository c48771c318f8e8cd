from pathlib import Path

import pytest

from trainables.configuration import Configuration, Trial
from trainables.data import Images
from trainables.run import run
from trainables.storage import WEIGHTS, RunFolder
from trainables.training import Inputs


def test_a_failed_seed_is_recorded_with_its_reason(tmp_path: Path, tiny: Configuration, digits: Images) -> None:
    broken = tiny.replace({"optimiser.learning_rate": 1e38, "network.final_norm": "none"})
    folder = RunFolder(str(tmp_path))
    *_, last = run(Trial("study", "arm", broken, (0,)), Inputs(digits), folder)
    assert last.records[0].status == "failed"
    assert "training loss is" in last.records[0].reason
    assert list(folder.records("study")) == last.records


def test_counts_that_the_data_cannot_give_fail_with_a_reason(tmp_path: Path, digits: Images) -> None:
    greedy = Configuration().replace({"data.train_minority": 100})
    *_, last = run(Trial("study", "arm", greedy, (0,)), Inputs(digits), RunFolder(str(tmp_path)))
    assert "100 train images asked (random split), 174 there" in last.records[0].reason


def test_a_continued_run_has_the_whole_history(tmp_path: Path, tiny: Configuration, digits: Images) -> None:
    trial = Trial("study", "arm", tiny, (0, 1))
    *_, whole = run(trial, Inputs(digits), RunFolder(str(tmp_path / "whole")))
    first = next(run(trial, Inputs(digits), RunFolder(str(tmp_path / "parts"))))
    *_, rest = run(trial, Inputs(digits), RunFolder(str(tmp_path / "parts")), state=first.state())
    for a, b in zip(whole.records, rest.records, strict=True):
        assert (a.history, a.files[WEIGHTS]) == (b.history, b.files[WEIGHTS])


def test_only_the_present_epoch_of_a_run_has_a_state(tmp_path: Path, tiny: Configuration, digits: Images) -> None:
    trial = Trial("study", "arm", tiny, (0,))
    progress_of_epochs = []
    for progress in run(trial, Inputs(digits), RunFolder(str(tmp_path))):
        progress_of_epochs.append(progress)
        if not progress.records:
            assert int(progress.state()["epoch"]) == progress.epoch
    first, *_, last = progress_of_epochs
    with pytest.raises(ValueError, match="epoch 1 is over"):
        first.state()
    with pytest.raises(ValueError, match="a run that has ended has no state"):
        last.state()


def test_the_best_epoch_is_the_first_with_the_highest_mean_f1(
    tmp_path: Path, tiny: Configuration, digits: Images
) -> None:
    *_, last = run(Trial("study", "arm", tiny, (0,)), Inputs(digits), RunFolder(str(tmp_path)))
    (record,) = last.records
    curves = [record.history[f"test/f1/{name}"] for name in tiny.data.classes]
    means = [sum(value or 0.0 for value in values) / len(values) for values in zip(*curves, strict=True)]
    assert record.best_epoch_by_test == means.index(max(means)) + 1
