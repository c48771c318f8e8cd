"""Image backbones: a torchvision classifier up to its last feature maps, or cut earlier, with checked weights.

`trainable` (K21 sec. 3.2): head = the backbone stays as pretrained, its batch norms in evaluation; statistics = their
statistics move (fastai's train_bn=False); batchnorm = their scale and shift train too ("UF", fastai's train_bn=True);
all = everything.
"""

import hashlib
from collections.abc import Mapping
from functools import cache
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from safetensors.torch import load as load_safetensors
from torch import Tensor, nn

from trainables.common import GIB, ConfigurationError, DataError, first_line, read_regular
from trainables.configuration import Network

BackboneState = Mapping[str, npt.NDArray[np.float32]]
IMAGENET = "imagenet"
LARGEST_WEIGHTS = 8 * GIB  # torchvision's largest classifier has 2.5
MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)  # of torchvision's ImageNet weights
_NOT_BACKBONE = ("avgpool", "fc", "classifier", "head", "heads", "dropout")  # children after the last feature maps


class Backbone(nn.Module):
    """Float images in [0, 1], (batch, 1 or 3, h, w) -> features (batch, units): normalised, mapped, averaged."""

    mean: Tensor
    std: Tensor

    def __init__(self, maps: nn.Module, trainable: str, normalise: bool, pool: str = "average") -> None:
        super().__init__()
        self.maps, self.trainable = maps, trainable
        mean, std = (MEAN, STD) if normalise else ((0.0,) * 3, (1.0,) * 3)
        self.register_buffer("mean", torch.tensor(mean).view(1, 3, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor(std).view(1, 3, 1, 1), persistent=False)
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.other_pool = nn.AdaptiveMaxPool2d(1) if pool == "concatenated" else None
        maps.requires_grad_(trainable == "all")
        if trainable == "batchnorm":
            for module in maps.modules():
                if isinstance(module, nn.BatchNorm2d):
                    module.requires_grad_(True)

    def forward(self, images: Tensor) -> Tensor:
        """Returns features (batch, units)."""
        colours = images.expand(-1, 3, -1, -1) if images.shape[1] == 1 else images
        maps = self.maps((colours - self.mean) / self.std)
        features: Tensor = self.pool(maps).flatten(1)
        return features if self.other_pool is None else torch.cat([features, self.other_pool(maps).flatten(1)], dim=1)

    def train(self, mode: bool = True) -> "Backbone":
        """Switches mode; a frozen backbone stays in evaluation."""
        super().train(mode and self.trainable != "head")
        return self


def build_backbone(network: Network, state: BackboneState | None) -> tuple[Backbone, int]:
    """Returns a backbone and its number of features; its initial weights are `state`, else torch's generator.

    Raises:
        ConfigurationError: no such network or layer, weights that do not fit (says which).
    """
    maps = _maps(network.name, network.cut)
    if (state is None) != (network.weights == "none"):
        raise ValueError(f"network.weights={network.weights} and the weights given do not go together")
    if state is not None:
        _load(maps, state, network)
    with torch.random.fork_rng(devices=[]), torch.no_grad():
        units = maps.eval()(torch.zeros(1, 3, 64, 64)).shape[1]
    backbone = Backbone(maps, network.trainable, normalise=state is not None, pool=network.pool)
    return backbone, units * (2 if backbone.other_pool else 1)


def check_backbone(name: str, cut: str) -> None:
    """Raises ConfigurationError where torchvision has no such network, or it no such layer."""
    _maps(name, cut)


def shared_weights_name(name: str, weights: str) -> str:
    """Returns the name under which given weights lie in a run folder, once for all its runs."""
    return f"backbones/{name}-{weights.replace(':', '-')}"


def read_weights(path: Path) -> tuple[str, dict[str, npt.NDArray[np.float32]]]:
    """Returns ("sha256:...", state dict) of a .safetensors file or a .pt/.pth state dict (no pickled code is run).

    Raises:
        DataError: no such file, or not a state dict.
    """
    try:
        content = read_regular(path, LARGEST_WEIGHTS)
        if path.suffix == ".safetensors":
            state = load_safetensors(content)
        else:
            state = torch.load(BytesIO(content), map_location="cpu", weights_only=True)  # noqa: TID251  tensors only
        arrays = {name: value.numpy() for name, value in state.items()}
    except Exception as error:  # torch and safetensors raise whatever the bytes lead them to
        reason = first_line(error)
        raise DataError(
            f"weights {path}: not a readable state dict ({reason}); .pt and .safetensors are read"
        ) from error
    return f"sha256:{hashlib.sha256(content).hexdigest()[:16]}", arrays


def download_imagenet(name: str) -> dict[str, npt.NDArray[np.float32]]:
    """Returns torchvision's IMAGENET1K_V1 state dict of a network; raises DataError where it cannot be had."""
    try:
        state = _models().get_model_weights(name)["IMAGENET1K_V1"].get_state_dict(progress=False, check_hash=True)
    except Exception as error:  # urllib, hash and lookup errors alike
        reason = " ".join(str(error).split())
        raise DataError(
            f"ImageNet weights of {name} could not be downloaded ({reason}); --weights PATH names a state dict, "
            "--network cnn --image-size 64 needs none"
        ) from error
    return {key: value.numpy() for key, value in state.items()}


def _models() -> Any:
    """Returns torchvision's models; their import takes seconds, so only what has a backbone pays for it."""
    from torchvision import models

    return models


def _maps(name: str, cut: str) -> nn.Sequential:
    """The children of a torchvision classifier up to `cut`, or up to its last feature maps."""
    allowed = _models().list_models(module=_models())
    if name not in allowed:
        raise ConfigurationError(
            f"unknown network {name!r}; allowed: dense, cnn and torchvision's {', '.join(allowed)}"
        )
    _check_is_a_chain(name)
    children = [
        (child, module) for child, module in _models().get_model(name).named_children() if child not in _NOT_BACKBONE
    ]
    names = [child for child, _ in children]
    if cut and cut not in names:
        raise ConfigurationError(f"network.cut: {name} has no layer {cut!r}; allowed: {', '.join(names)}")
    maps = nn.Sequential()
    for child, module in children[: names.index(cut) + 1] if cut else children:
        maps.add_module(child, module)
    return maps


@cache
def _check_is_a_chain(name: str) -> None:
    """Some classifiers are more than their children in a row: those are refused, by trying it."""
    with torch.random.fork_rng(devices=[]), torch.no_grad():
        model = _models().get_model(name).eval()
        children = [module for name, module in model.named_children() if name not in _NOT_BACKBONE]
        maps_of_model: list[Tensor] = []
        children[-1].register_forward_hook(lambda module, inputs, output: maps_of_model.append(output))
        image = torch.rand(1, 3, 224, 224)
        try:
            model(image)
            maps_of_chain = nn.Sequential(*children)(image)
            same = maps_of_chain.dim() == 4 and torch.allclose(maps_of_model[0], maps_of_chain, atol=1e-5)
        except (RuntimeError, TypeError, ValueError, AssertionError, AttributeError, IndexError):
            same = False
    if not same:
        raise ConfigurationError(f"network {name!r} is not a chain of layers with image maps; a ResNet or VGG is, say")


def _load(maps: nn.Sequential, state: BackboneState, network: Network) -> None:
    """Loads the weights of the layers up to the cut; those behind it may be in the state too, unknown ones may not."""
    needed = maps.state_dict()
    whole = set(_models().get_model(network.name).state_dict())
    problems = {
        "missing": [key for key in needed if key not in state and not key.endswith("num_batches_tracked")],
        "unknown": [key for key in state if key not in whole],
        "of another shape": [
            key for key in needed if key in state and tuple(state[key].shape) != tuple(needed[key].shape)
        ],
    }
    for problem, keys in problems.items():
        if keys:
            more = f" and {len(keys) - 3} more" if len(keys) > 3 else ""
            cut = f" cut at {network.cut}" if network.cut else ""
            raise ConfigurationError(f"weights do not fit {network.name}{cut}: {problem} {', '.join(keys[:3])}{more}")
    maps.load_state_dict({key: torch.from_numpy(np.array(state[key])) for key in needed if key in state}, strict=False)
