import pytest
import torch

from trainables.configuration import Configuration
from trainables.data import draw_split
from trainables.data.images import Images
from trainables.training.fit import fit
from trainables.training.inputs import Inputs
from trainables.training.stack_training import StackTraining
from trainables.training.state import State


def _training(tiny: Configuration, digits: Images, state: State | None = None) -> StackTraining:
    splits = {seed: draw_split(tiny.data, digits, seed) for seed in (0, 1)}
    states = None if state is None else {0: state, 1: state}
    return StackTraining(tiny, Inputs(digits), splits, torch.device("cpu"), states)


def test_a_state_tells_the_epochs_done_by_its_batches(tiny: Configuration, digits: Images) -> None:
    training = _training(tiny, digits)
    assert training.epochs_done == 0
    for epoch in (1, 2):
        training.run_epoch(epoch)
    state = training.state(1)
    assert training.epochs_done == 2
    assert {name.split("/")[0] for name in state} == {"network", "optimiser", "composition"}
    assert int(state["composition"][:, 1].sum()) == 2 * training.batches.steps_per_epoch
    assert _training(tiny, digits, state).epochs_done == 2


def test_a_state_is_not_moved_by_the_epochs_that_follow(tiny: Configuration, digits: Images) -> None:
    training = _training(tiny, digits)
    training.run_epoch(1)
    state = training.state(1)
    before = {name: value.clone() for name, value in state.items()}
    training.run_epoch(2)
    assert all(torch.equal(value, before[name]) for name, value in state.items())
    assert not torch.equal(state["network/dense.weight"], training.weights(1)["dense.weight"])


def test_an_epoch_that_is_over_says_so_and_gives_nothing_of_the_next(tiny: Configuration, digits: Images) -> None:
    epochs = fit(tiny, Inputs(digits), [0])
    first = next(epochs)
    assert first.weights(0)
    next(epochs)
    for look in (
        first.state,
        lambda: first.weights(0),
        lambda: first.predictions(0),
        lambda: first.batch_composition(0),
    ):
        with pytest.raises(ValueError, match="epoch 1 is over: seed 0 has gone on to epoch 2"):
            look()
