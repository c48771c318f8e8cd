import pytest
import torch

from trainables.configuration import Configuration
from trainables.data.images import Images
from trainables.training.fit import fit
from trainables.training.inputs import Inputs
from trainables.training.one_seed import OneSeedTraining

CPU = torch.device("cpu")


def test_a_state_tells_the_epochs_done_by_its_batches(tiny: Configuration, digits: Images) -> None:
    training = OneSeedTraining(tiny, Inputs(digits), 0, CPU)
    assert training.epochs_done == 0
    for epoch in (1, 2):
        training.run_epoch(epoch)
    state = training.state()
    assert training.epochs_done == 2
    assert {name.split("/")[0] for name in state} == {"network", "optimiser", "composition"}
    assert int(state["composition"][:, 1].sum()) == 2 * training.batches.steps_per_epoch
    assert OneSeedTraining(tiny, Inputs(digits), 0, CPU, state).epochs_done == 2


def test_a_state_is_not_moved_by_the_epochs_that_follow(tiny: Configuration, digits: Images) -> None:
    training = OneSeedTraining(tiny, Inputs(digits), 0, CPU)
    training.run_epoch(1)
    state = training.state()
    before = {name: value.clone() for name, value in state.items()}
    training.run_epoch(2)
    assert all(torch.equal(value, before[name]) for name, value in state.items())
    assert not torch.equal(state["network/dense.weight"], training.weights()["dense.weight"])


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
