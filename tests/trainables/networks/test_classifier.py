"""The study's own network obeys the same algebra as anyone's."""

import pytest
import torch

from trainables.configuration import Network
from trainables.final_norm import fold, remove, weighted_norms
from trainables.networks import Classifier, build_network


def _trained(final_norm: str, name: str = "cnn") -> tuple[Classifier, torch.Tensor]:
    network = build_network(Network.model_validate({"name": name, "final_norm": final_norm}), (1, 8, 8), 3)
    for norm in weighted_norms(network):
        norm.image_weights = torch.ones(16)
    images = torch.rand(16, 1, 8, 8)
    with torch.no_grad():
        network.train()(images)
        statistics = network.final_norm.state_dict()
        statistics["running_mean"].copy_(torch.tensor([0.3, -0.2, 0.1]))
        statistics["running_var"].copy_(torch.tensor([0.5, 2.0, 1.0]))
        statistics["bias"].copy_(torch.tensor([0.1, 0.0, -0.3]))
    return network.eval(), images


@pytest.mark.parametrize("final_norm", ["batch", "standard", "weighted"])
@pytest.mark.parametrize("name", ["dense", "cnn"])
@torch.no_grad()
def test_its_norm_folds_and_comes_off(name: str, final_norm: str) -> None:
    network, images = _trained(final_norm, name)
    removed = network.without_final_norm()
    assert torch.equal(removed(images), network.scores(images))
    assert torch.equal(removed(images), remove(network)(images))  # found without being named
    expected = network(images)
    for folded in (fold(network), fold(network, layer="dense", norm="final_norm")):
        assert (folded(images) - expected).abs().max() < 1e-5 * expected.abs().max()
        assert list(folded.state_dict()) == [key for key in network.state_dict() if not key.startswith("final_norm")]
    assert (removed(images) - expected).abs().max() > 0.1 * expected.abs().max()


def test_names_in_stored_weights_stay() -> None:
    network, _ = _trained("batch", "dense")
    assert {key.split(".")[0] for key in network.state_dict()} == {"body", "dense", "final_norm"}
