"""The state of a training that was stopped: read whole or not at all, removed once it is of no use."""

from pathlib import Path

import numpy as np

from trainables.storage import Checkpoint, RunFolder, remove_left_checkpoints


def test_a_damaged_checkpoint_is_none(tmp_path: Path) -> None:
    checkpoint = Checkpoint(RunFolder(str(tmp_path)), "s", "key", (0, 1), "data")
    assert checkpoint.read() is None
    checkpoint.write({"a": np.arange(5)})
    assert np.array_equal(checkpoint.read()["a"], np.arange(5))  # type: ignore[index]
    file = next((tmp_path / "s" / "key").iterdir())
    file.write_bytes(file.read_bytes()[:-3])
    assert checkpoint.read() is None
    checkpoint.remove()
    checkpoint.remove()


def test_what_trials_with_other_seeds_left_is_removed_of_configurations_that_ended(tmp_path: Path) -> None:
    folder = RunFolder(str(tmp_path))
    ended, going_on = Checkpoint(folder, "s", "a", (0, 1), "data"), Checkpoint(folder, "s", "b", (0,), "data")
    for checkpoint in (ended, going_on):
        checkpoint.write({"a": np.arange(5)})
    remove_left_checkpoints(folder, "s", {"a"})
    assert ended.read() is None
    assert going_on.read() is not None


def test_a_state_is_replaced_and_belongs_to_its_seeds_and_data(tmp_path: Path) -> None:
    folder = RunFolder(str(tmp_path))
    checkpoint = Checkpoint(folder, "s", "key", (0, 1), "data")
    for epoch in (1, 2):
        checkpoint.write({"epoch": np.array(epoch)})
    stored = checkpoint.read()
    assert stored is not None
    assert stored["epoch"] == 2
    assert Checkpoint(folder, "s", "key", (0,), "data").read() is None
    assert Checkpoint(folder, "s", "key", (0, 1), "other data").read() is None
