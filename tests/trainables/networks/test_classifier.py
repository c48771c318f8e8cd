"""The study's own network obeys the same algebra as anyone's."""

import pytest
import torch
from torch import nn

from trainables.configuration import Configuration, Network
from trainables.errors import ConfigurationError
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


def _network(**changes: object) -> Classifier:
    settings = Configuration().replace({f"network.{name}": value for name, value in changes.items()}).network
    torch.manual_seed(0)
    return build_network(settings, (1, 28, 28), 2)


@pytest.mark.parametrize("name", ["dense", "cnn"])
def test_glorot_is_uniform_within_the_limit_that_keras_prints_and_biases_are_0(name: str) -> None:
    """Keras: limit = sqrt(6 / (fan_in + fan_out)), a convolution's fans times its 3 x 3 places."""
    network = _network(name=name, initialisation="glorot")
    layers = [m for m in network.modules() if isinstance(m, nn.Linear | nn.Conv2d)]
    for layer in layers:
        places = layer.weight[0, 0].numel() if isinstance(layer, nn.Conv2d) else 1
        limit = (6 / (places * (layer.weight.shape[0] + layer.weight.shape[1]))) ** 0.5
        assert 0.8 * limit < float(layer.weight.detach().abs().max()) <= limit
        assert layer.bias is not None
        assert not layer.bias.any()


def test_kaiming_has_the_variance_of_2_over_fan_in() -> None:
    network = _network(initialisation="kaiming")
    weight = network.get_submodule("body.1").weight
    assert isinstance(weight, torch.Tensor)
    assert float(weight.detach().std()) == pytest.approx((2 / 784) ** 0.5, rel=0.02)


def test_the_cnn_ends_in_an_average_or_in_all_its_places() -> None:
    assert _network(name="cnn").dense.in_features == 64
    assert _network(name="cnn", pool="flatten").dense.in_features == 64 * 7 * 7
    assert _network(name="cnn", pool="flatten")(torch.rand(3, 1, 28, 28)).shape == (3, 2)


def test_norms_have_their_eps_and_the_final_one_its_own_momentum() -> None:
    network = _network(
        first_norm="batch", final_norm="batch", norm_eps=1e-3, norm_momentum=0.2, final_norm_momentum=0.01
    )
    norms = [m for m in network.modules() if isinstance(m, nn.BatchNorm1d)]
    assert [(norm.eps, norm.momentum) for norm in norms] == [(1e-3, 0.2), (1e-3, 0.01)]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"name": "dense", "pool": "flatten"}, "network.pool=flatten with dense; allowed: average"),
        ({"name": "cnn", "pool": "concatenated"}, "network.pool=concatenated with cnn; allowed: average, flatten"),
        ({"name": "resnet18", "pool": "flatten"}, "allowed: average, concatenated"),
        ({"final_shift": "zero"}, "got final_norm=none"),
        ({"final_statistics": "recomputed", "final_norm": "weighted"}, "got final_norm=weighted"),
    ],
)
def test_settings_that_do_not_go_together_are_refused(changes: dict[str, str], message: str) -> None:
    with pytest.raises(ConfigurationError, match=message):
        _network(**changes)
