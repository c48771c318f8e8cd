"""Networks of other people: the norm goes behind the layer that makes the scores, folds exactly, and comes off."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torchvision import models

from trainables.final_norm import FinalNormError, NormedScores, append, fold, remove
from trainables.final_norm.algebra import BatchNorm

CLASSES = 3
ROUNDING = 1e-5  # of the scores' size: float32 sums of some hundred terms in another order differ by about 1e-6


class Branching(nn.Module):
    """Asks for values, so torch.fx cannot trace it; registered in an order that misleads."""

    def __init__(self, **also: nn.Module) -> None:
        super().__init__()
        self.scores = nn.Linear(8, CLASSES)
        self.body = nn.Linear(12, 8)
        for name, module in also.items():
            self.add_module(name, module)

    def forward(self, x: Tensor) -> Tensor:
        hidden = self.body(x)
        scores: Tensor = self.scores(hidden if hidden.sum() > 0 else -hidden)
        return scores


class Backwards(nn.Module):
    """Traceable; its layers are registered in the reverse of the order they are called in, and it reshapes."""

    def __init__(self) -> None:
        super().__init__()
        self.softmax = nn.Softmax(dim=1)
        self.scores = nn.Linear(8, CLASSES)
        self.body = nn.Linear(12, 8)

    def forward(self, x: Tensor) -> Tensor:
        hidden = self.body(x.flatten(1)).relu()
        scores: Tensor = self.softmax(self.scores(hidden.view(x.size(0), -1)) / 2)
        return scores


class TwoOf(nn.Module):
    """Two layers make the output."""

    def __init__(self, join: Callable[[Tensor, Tensor], object]) -> None:
        super().__init__()
        self.first, self.second, self.join = nn.Linear(12, CLASSES), nn.Linear(12, CLASSES), join

    def forward(self, x: Tensor) -> object:
        return self.join(self.first(x), self.second(x))


class OwnForward(nn.Linear):
    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x).relu()


def _chain(*behind: nn.Module, bias: bool = True) -> nn.Sequential:
    return nn.Sequential(nn.Linear(12, 8), nn.ReLU(), nn.Linear(8, CLASSES, bias=bias), *behind)


def _convolutional(convolution: Callable[..., nn.Module], *behind: nn.Module, **options: object) -> nn.Sequential:
    first = convolution(1, 4, 3)
    return nn.Sequential(first, nn.ReLU(), convolution(4, CLASSES, 1, **options), *behind)


def _vit() -> nn.Module:
    network: nn.Module = models.VisionTransformer(32, 16, 2, 2, 16, 32, num_classes=CLASSES)
    nn.init.normal_(network.get_parameter("heads.head.weight"))  # torchvision starts it at zero
    return network


def _torchvision(name: str) -> Callable[[], nn.Module]:
    def make() -> nn.Module:
        network: nn.Module = models.get_model(name, num_classes=CLASSES)
        return network

    return make


def _vgg() -> nn.Module:
    """With hidden layers of 16 units instead of 4096, which would be most of the time of these tests."""
    network: nn.Module = models.vgg11(init_weights=False)
    for name, layer in (("0", nn.Linear(25088, 16)), ("3", nn.Linear(16, 16)), ("6", nn.Linear(16, CLASSES))):
        network.set_submodule(f"classifier.{name}", layer)
    return network


def _timm() -> nn.Module:
    timm: Any = pytest.importorskip("timm")
    network: nn.Module = timm.create_model("resnet18", num_classes=CLASSES)
    return network


NETWORKS: dict[str, tuple[Callable[[], nn.Module], tuple[int, ...], str]] = {  # make, input, path of the scores' layer
    "resnet18": (_torchvision("resnet18"), (3, 32, 32), "fc"),
    "vgg11": (_vgg, (3, 32, 32), "classifier.6"),
    "mobilenet_v3_small": (_torchvision("mobilenet_v3_small"), (3, 32, 32), "classifier.3"),
    "densenet121": (_torchvision("densenet121"), (3, 32, 32), "classifier"),
    "squeezenet1_1": (_torchvision("squeezenet1_1"), (3, 32, 32), "classifier.1"),
    "vision transformer": (_vit, (3, 32, 32), "heads.head"),
    "timm resnet18": (_timm, (3, 32, 32), "fc"),
    "sequential": (_chain, (12,), "2"),
    "without bias": (lambda: _chain(bias=False), (12,), "2"),
    "softmax and dropout behind": (lambda: _chain(nn.Dropout(), nn.LogSoftmax(dim=1)), (12,), "2"),
    "conv1d": (lambda: _convolutional(nn.Conv1d, nn.AdaptiveAvgPool1d(1), nn.Flatten()), (1, 9), "2"),
    "conv2d": (lambda: _convolutional(nn.Conv2d, nn.AdaptiveAvgPool2d(1), nn.Flatten()), (1, 9, 9), "2"),
    "conv2d, one score per place": (lambda: _convolutional(nn.Conv2d, bias=False), (1, 9, 9), "2"),
    "conv3d": (lambda: _convolutional(nn.Conv3d), (1, 9, 9, 9), "2"),
    "registered backwards": (Backwards, (12,), "scores"),
    "not traceable": (Branching, (12,), "scores"),
}  # fmt: skip


def _train(network: nn.Module, shape: tuple[int, ...], dtype: torch.dtype = torch.float32) -> Tensor:
    """Moves running statistics, scale and shift as training would; returns images."""
    network.train()
    with torch.no_grad():
        for module in network.modules():
            if isinstance(module, BatchNorm) and module.weight is not None:
                module.weight.uniform_(0.5, 2)
                module.bias.uniform_(-1, 1)
        for _ in range(5):
            network((torch.randn(6, *shape) * 2 + 1).to(dtype))
    network.eval()
    return torch.randn(6, *shape).to(dtype)


def _sums(network: nn.Module) -> dict[str, float]:
    """Returns what tells whether any tensor has changed."""
    return {name: float(tensor.double().abs().sum()) for name, tensor in network.state_dict().items()}


@torch.no_grad()
def _difference(network: nn.Module, other: nn.Module, images: Tensor) -> float:
    """Returns the largest difference between two networks over the size of the scores."""
    expected = network(images).double()
    return float((other(images).double() - expected).abs().max() / expected.abs().max())


@pytest.mark.parametrize(("make", "shape", "path"), NETWORKS.values(), ids=NETWORKS.keys())
def test_append_fold_and_remove(make: Callable[[], nn.Module], shape: tuple[int, ...], path: str) -> None:
    plain = make()
    names, before = list(plain.state_dict()), _sums(plain)
    network = append(plain, CLASSES)
    assert [name for name, module in network.named_modules() if isinstance(module, NormedScores)] == [path]
    assert list(plain.state_dict()) == names  # the given network stays as it was
    images = _train(network, shape)
    assert _sums(plain) == before
    trained = _sums(network)

    folded, removed = fold(network), remove(network)
    assert _difference(network, folded, images) < ROUNDING
    assert list(removed.state_dict()) == names
    assert set(folded.state_dict()) == {*names, f"{path}.bias"}
    torch.testing.assert_close(removed.get_parameter(f"{path}.weight"), plain.get_parameter(f"{path}.weight"))
    assert _sums(network) == trained

    assert _difference(network, removed, images) > 100 * ROUNDING  # what is no fold fails the same check
    for tensor in ("weight", "bias"):
        parameter = folded.get_parameter(f"{path}.{tensor}")
        right = parameter.detach().clone()
        with torch.no_grad():
            parameter.mul_(1.01)
            assert _difference(network, folded, images) > 10 * ROUNDING
            parameter.copy_(right)


@pytest.mark.parametrize("seed", range(10))
def test_a_fold_is_exact_whatever_the_norm_has_learned(seed: int) -> None:
    torch.manual_seed(seed)
    network = append(_chain(bias=seed % 2 == 0), CLASSES, eps=10.0 ** -(seed % 5 + 1), momentum=None)
    images = _train(network, (12,))
    normed = network[2]
    assert isinstance(normed, NormedScores)
    with torch.no_grad():
        normed.norm.running_var.mul_(10.0 ** (seed - 5))  # type: ignore[operator]
        normed.norm.weight[seed % CLASSES] = [-1.0, 0.0][seed % 2]  # type: ignore[operator]
    assert _difference(network, fold(network), images) < ROUNDING
    with torch.no_grad():
        normed.norm.running_mean.add_(0.01)  # type: ignore[operator]
    assert _difference(network, fold(network), images) < ROUNDING


@pytest.mark.parametrize(
    ("dtype", "rounding"),
    [(torch.float64, 1e-13), (torch.bfloat16, 2**-5), (torch.float16, 2**-8)],  # some units in the last place
    ids=str,
)
def test_types_are_kept(dtype: torch.dtype, rounding: float) -> None:
    network = append(_chain().to(dtype), CLASSES)
    assert {tensor.dtype for tensor in network.state_dict().values()} == {dtype, torch.int64}
    images = _train(network, (12,), dtype)
    folded = fold(network)
    assert {tensor.dtype for tensor in folded.state_dict().values()} == {dtype}
    assert _difference(network, folded, images) < rounding
    assert _difference(network, remove(network), images) > 4 * rounding


def test_mode_and_what_trains_are_kept() -> None:
    plain = _chain().eval()
    plain.requires_grad_(False)
    network = append(plain, CLASSES, momentum=0.3, eps=1e-3)
    assert not any(module.training for module in network.modules())
    trains = [name for name, parameter in network.named_parameters() if parameter.requires_grad]
    assert trains == ["2.norm.weight", "2.norm.bias"]
    normed = network[2]
    assert isinstance(normed, NormedScores)
    assert isinstance(normed.norm, nn.BatchNorm1d)
    assert (normed.norm.momentum, normed.norm.eps) == (0.3, 1e-3)
    images = _train(network, (12,))
    in_training = fold(network.train())
    assert in_training.training
    assert not any(parameter.requires_grad for parameter in in_training.parameters())
    assert _difference(network.eval(), in_training.eval(), images) < ROUNDING


def test_a_norm_of_the_networks_own() -> None:
    """As fastai's `bn_final=True` makes them."""
    network = _chain(nn.BatchNorm1d(CLASSES, affine=False), nn.Softmax(dim=1))
    images = _train(network, (12,))
    assert _difference(network, fold(network), images) < ROUNDING
    assert isinstance(fold(network)[3], nn.Identity)
    assert _difference(network, remove(network), images) > 0.01
    branching = Branching(norm=nn.BatchNorm1d(CLASSES))
    with pytest.raises(FinalNormError, match=r'cannot trace the network .*; name both, as in layer="fc", norm='):
        fold(branching)
    assert isinstance(fold(branching, layer="scores", norm="norm").norm, nn.Identity)


def test_a_named_layer_where_two_make_the_output() -> None:
    network = append(TwoOf(lambda first, second: first + second), CLASSES, layer="second")
    assert isinstance(network.second, NormedScores)
    images = _train(network, (12,))
    assert _difference(network, fold(network), images) < ROUNDING
    both = append(network, CLASSES, layer="first")
    with pytest.raises(FinalNormError, match=r"several final norms, in 'first', 'second'; name the layer"):
        fold(both)
    images = _train(both, (12,))
    assert _difference(both, fold(fold(both, layer="first")), images) < ROUNDING


def test_a_network_with_the_norm_is_traced_and_compiled_as_before() -> None:
    network = append(Backwards(), CLASSES)
    images = _train(network, (12,))
    assert _difference(network, torch.fx.symbolic_trace(network), images) == 0
    exported = torch.export.export(network, (images,)).module()
    assert _difference(network, exported, images) < ROUNDING


def test_scores_whose_second_axis_is_not_the_classes_are_refused() -> None:
    network = append(nn.Sequential(nn.Linear(12, CLASSES)), CLASSES)
    with pytest.raises(FinalNormError, match=r"got scores of shape \(2, 3, 3\) from the layer"):
        network(torch.zeros(2, 3, 12))


def _tied() -> nn.Sequential:
    network = nn.Sequential(nn.Embedding(CLASSES, 8), nn.Flatten(), nn.Linear(8, CLASSES))
    network[2].weight = network[0].weight
    return network


def _twice() -> nn.Sequential:
    layer = nn.Linear(CLASSES, CLASSES)
    return nn.Sequential(layer, nn.ReLU(), layer)


REFUSED: dict[str, tuple[Callable[[], object], str]] = {
    "another number of classes": (lambda: append(_chain(), 4), "'2' makes 3 scores, not 4"),
    "no layer": (lambda: append(nn.Sequential(nn.Flatten()), 2), "made by 'input', not by a layer"),
    "scores of another kind of layer": (
        lambda: append(_chain(nn.LayerNorm(CLASSES)), CLASSES),
        "made by '3', a LayerNorm, not by a Linear or Conv",
    ),
    "transposed": (
        lambda: append(nn.Sequential(nn.ConvTranspose2d(1, CLASSES, 2)), CLASSES), "made by '0', a ConvTranspose2d"
    ),
    "two layers": (
        lambda: append(TwoOf(lambda first, second: (first, second)), CLASSES),
        'made by \'first\', \'second\', not by one layer; name the layer, as in layer="fc"',
    ),
    "not traceable, two layers": (
        lambda: append(Branching(other=nn.Linear(8, CLASSES)), CLASSES),
        r"cannot trace the network, and 'scores', 'other' of the network has 3 outputs",
    ),
    "not traceable, no layer": (lambda: append(Branching(), 4), "no Linear or Conv of the network has 4 outputs"),
    "no such layer": (lambda: append(_chain(), CLASSES, layer="fc"), "no module 'fc'"),
    "named, but another kind": (lambda: append(_chain(), CLASSES, layer="1"), "'1' is a ReLU, not a Linear or Conv"),
    "only a layer": (lambda: append(nn.Linear(2, CLASSES), CLASSES), "nothing but a Linear; put it into"),
    "a norm already": (lambda: append(append(_chain(), CLASSES), CLASSES), "a final norm already, in '2'"),
    "a norm of its own": (lambda: append(_chain(nn.BatchNorm1d(3)), CLASSES), "ends in a batch norm already, '3'"),
    "one layer in two places": (lambda: append(_twice(), CLASSES), "'0' is used in more than one place"),
    "one named layer in two places": (lambda: append(_twice(), CLASSES, layer="0"), "in several places: 0, 2"),
    "remove without a norm": (lambda: remove(_chain()), "no final norm found: the network ends in '2'"),
    "fold without a norm": (lambda: fold(models.resnet18()), "no final norm found: the network ends in 'fc'"),
    "a norm behind something else": (
        lambda: fold(_chain(nn.ReLU(), nn.BatchNorm1d(CLASSES))), "'4' is not directly behind a Linear or Conv"
    ),
    "no norm in the named layer": (lambda: fold(_chain(), layer="2"), "no final norm in '2'; name one"),
    "a norm without its layer": (lambda: fold(_chain(), norm="2"), "named without the layer before it"),
    "a norm that is none": (lambda: fold(_chain(), layer="2", norm="1"), "'1' is a ReLU, not a batch norm"),
    "a norm over other units": (
        lambda: fold(_chain(nn.BatchNorm1d(4)), layer="2", norm="3"), "'2' makes 3 scores, its norm takes 4"
    ),
    "no running statistics": (
        lambda: fold(_chain(nn.BatchNorm1d(CLASSES, track_running_stats=False))), "no running statistics"
    ),
    "tied weights": (lambda: fold(append(_tied(), CLASSES)), r"'2\.layer' are shared with '0\.weight'"),
    "weight norm": (
        lambda: fold(append(_chain()[:2].append(nn.utils.parametrizations.weight_norm(nn.Linear(8, 3))), 3)),
        "computed .weight norm",
    ),
    "spectral norm": (
        lambda: fold(append(nn.Sequential(nn.utils.spectral_norm(nn.Linear(8, 3))), 3)), "computed .weight norm"
    ),
    "a forward of its own": (lambda: fold(append(nn.Sequential(OwnForward(8, 3)), 3, layer="0")), "forward of its own"),
}  # fmt: skip


@pytest.mark.parametrize(("refused", "reason"), REFUSED.values(), ids=REFUSED.keys())
def test_what_cannot_be_done_says_why(refused: Callable[[], object], reason: str) -> None:
    with pytest.raises(FinalNormError, match=reason):
        refused()


def test_hooks_that_may_change_outputs_are_refused() -> None:
    network = append(_chain(), CLASSES)
    network.get_submodule("2.layer").register_forward_hook(lambda module, inputs, output: output * 2)
    with pytest.raises(FinalNormError, match="forward hooks"):
        fold(network)
    remove(network)


def test_scores_that_something_else_reads_before_the_norm_are_refused() -> None:
    class Both(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.scores, self.norm = nn.Linear(12, CLASSES), nn.BatchNorm1d(CLASSES)

        def forward(self, x: Tensor) -> Tensor:
            scores = self.scores(x)
            torch._assert(scores.mean() < 9, "read")
            normed: Tensor = self.norm(scores)
            return normed

    with pytest.raises(FinalNormError, match=r"'scores' before the batch norm 'norm' are used elsewhere too"):
        fold(Both())
