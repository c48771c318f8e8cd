"""Networks of many shapes for the final norm, and what trains and compares them."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torchvision import models

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


def chain(*behind: nn.Module, bias: bool = True) -> nn.Sequential:
    return nn.Sequential(nn.Linear(12, 8), nn.ReLU(), nn.Linear(8, CLASSES, bias=bias), *behind)


def convolutional(convolution: Callable[..., nn.Module], *behind: nn.Module, **options: object) -> nn.Sequential:
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
    "sequential": (chain, (12,), "2"),
    "without bias": (lambda: chain(bias=False), (12,), "2"),
    "softmax and dropout behind": (lambda: chain(nn.Dropout(), nn.LogSoftmax(dim=1)), (12,), "2"),
    "conv1d": (lambda: convolutional(nn.Conv1d, nn.AdaptiveAvgPool1d(1), nn.Flatten()), (1, 9), "2"),
    "conv2d": (lambda: convolutional(nn.Conv2d, nn.AdaptiveAvgPool2d(1), nn.Flatten()), (1, 9, 9), "2"),
    "conv2d, one score per place": (lambda: convolutional(nn.Conv2d, bias=False), (1, 9, 9), "2"),
    "conv3d": (lambda: convolutional(nn.Conv3d), (1, 9, 9, 9), "2"),
    "registered backwards": (Backwards, (12,), "scores"),
    "not traceable": (Branching, (12,), "scores"),
}  # fmt: skip


def train(network: nn.Module, shape: tuple[int, ...], dtype: torch.dtype = torch.float32) -> Tensor:
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


def sums_of(network: nn.Module) -> dict[str, float]:
    """Returns what tells whether any tensor has changed."""
    return {name: float(tensor.double().abs().sum()) for name, tensor in network.state_dict().items()}


@torch.no_grad()
def difference_between(network: nn.Module, other: nn.Module, images: Tensor) -> float:
    """Returns the largest difference between two networks over the size of the scores."""
    expected = network(images).double()
    return float((other(images).double() - expected).abs().max() / expected.abs().max())
