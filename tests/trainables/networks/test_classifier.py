"""The study's own network obeys the same algebra as anyone's."""

import pytest
import torch
from torch import nn

from trainables.common import ConfigurationError
from trainables.configuration import Configuration, Network
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


def test_glorot_spreads_as_keras_layers_do() -> None:
    """Recorded from Keras 3.15: a new Dense(128) on 784 units, a new Conv2D(32, 3) on 16 channels.

    Their largest weight and standard deviation; biases were 0. Ours are other draws of 4608 or more: within 2 %.
    """
    dense = _network(name="dense", initialisation="glorot").get_submodule("body.1").weight
    convolution = _network(name="cnn", initialisation="glorot").get_submodule("body.5").weight
    for weight, largest, deviation in ((dense, 0.0811098, 0.0468321), (convolution, 0.1178443, 0.0683047)):
        assert isinstance(weight, torch.Tensor)
        assert float(weight.detach().abs().max()) == pytest.approx(largest, rel=0.02)
        assert float(weight.detach().std()) == pytest.approx(deviation, rel=0.02)


def test_a_final_norm_with_keras_values_computes_what_keras_layer_does() -> None:
    """Recorded from keras.layers.BatchNormalization() of Keras 3.15: two training batches, then inference.

    One thing differs: torch's running variance takes the batch's with n - 1, Keras' with n; 1.6 % of it at batch 64.
    """
    norm = _network(final_norm="batch", norm_momentum=0.01, norm_eps=1e-3).final_norm
    assert isinstance(norm, nn.BatchNorm1d)
    first = torch.tensor([[0.0, 1.0], [2.0, -1.0], [4.0, 0.5], [6.0, 3.0]])
    second = torch.tensor([[1.0, 0.0], [1.0, 2.0], [3.0, -2.0], [-1.0, 4.0]])
    norm.train()(first)
    trained = torch.tensor([[0.0, -0.4471689], [0.0, 0.4471689], [1.4138602, -1.3415066], [-1.4138602, 1.3415066]])
    torch.testing.assert_close(norm(second).detach(), trained, rtol=1e-5, atol=1e-6)
    assert norm.running_mean is not None
    assert norm.running_var is not None
    torch.testing.assert_close(norm.running_mean, torch.tensor([0.0397, 0.0186625]), rtol=1e-5, atol=1e-6)
    started_with = 0.99**2  # of the initial variance of 1
    keras_variance = torch.tensor([1.0496, 1.0503640])
    torch.testing.assert_close((norm.running_var - started_with) * 3 / 4 + started_with, keras_variance)
    norm.running_var.copy_(keras_variance)
    inferred = torch.tensor([[-0.0387322, 0.9570658], [1.9125105, -0.9934676], [3.8637531, 0.4694324],
                             [5.8149956, 2.9075994]])  # fmt: skip
    torch.testing.assert_close(norm.eval()(first).detach(), inferred, rtol=1e-5, atol=1e-6)


def test_a_head_with_fastai_values_is_fastais() -> None:
    """Recorded from create_head(512, 2, bn_final=True, concat_pool=True) and apply_init of fastai 2.8.12.

    Its layers: norm of 1024, dropout 0.25, linear 512, ReLU, norm of 512, dropout 0.5, linear 2, norm of 2; eps 1e-5,
    momentum 0.1 and of the last 0.01; the standard deviations of the linear weights 0.0442 and 0.0614 (of 0.0625).
    fastai 2 leaves out the biases of the linear layers, fastai 1 had them: they start at 0.
    """
    profile = {"final_norm_momentum": 0.01, "initialisation": "kaiming", "pool": "concatenated"}
    network = Configuration().replace({f"network.{name}": value for name, value in profile.items()} | {
        "network.name": "resnet18", "network.final_norm": "batch"}).network  # fmt: skip
    torch.manual_seed(0)
    head = build_network(network, (1024,), 2, on_features=True)
    layers = [*head.body.children(), head.dense, head.final_norm]
    kinds = [type(layer).__name__ for layer in layers]
    assert kinds == ["BatchNorm1d", "Dropout", "Linear", "ReLU", "BatchNorm1d", "Dropout", "Linear", "BatchNorm1d"]
    norms = [layer for layer in layers if isinstance(layer, nn.BatchNorm1d)]
    assert [(n.num_features, n.eps, n.momentum) for n in norms] == [
        (1024, 1e-5, 0.1), (512, 1e-5, 0.1), (2, 1e-5, 0.01)]  # fmt: skip
    assert [layer.p for layer in layers if isinstance(layer, nn.Dropout)] == [0.25, 0.5]
    hidden, scores = (layer for layer in layers if isinstance(layer, nn.Linear))
    assert float(hidden.weight.detach().std()) == pytest.approx(0.0442, rel=0.02)
    assert float(scores.weight.detach().std()) == pytest.approx(0.0625, rel=0.1)  # of 1024 weights
    assert not hidden.bias.any()
    assert not scores.bias.any()


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
