"""Networks as [backbone ->] body -> dense -> [final norm]: all end in the same steps, so the norm has one place."""

from collections.abc import Callable

import torch
from torch import Tensor, nn

from trainables import own_code
from trainables.configuration import SMALL_NETWORKS, Network
from trainables.final_norm import make_norm, remove
from trainables.networks import backbones
from trainables.networks.own_network import build_own_head, build_own_network

HEAD_UNITS = 512  # K21 sec. 3.1
INITIALISATIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "xavier": nn.init.xavier_normal_,
    "glorot": nn.init.xavier_uniform_,
    "kaiming": nn.init.kaiming_normal_,
}


class Classifier(nn.Module):
    """A network whose class scores pass a final norm (the identity where there is none)."""

    def __init__(
        self,
        backbone: nn.Module,
        body: nn.Module,
        num_features: int,
        num_classes: int,
        norm: nn.Module,
        own_head: str = "",
    ) -> None:
        super().__init__()
        self.backbone, self.body = backbone, body
        self.dense = (
            build_own_head(own_head, num_features, num_classes) if own_head else nn.Linear(num_features, num_classes)
        )
        self.final_norm = norm

    def scores(self, images: Tensor) -> Tensor:
        """Returns the scores before the final norm, (batch, classes): what stays when it is removed."""
        return self.head_scores(self.backbone(images))

    def head_scores(self, features: Tensor) -> Tensor:
        """Returns `scores` of what the backbone gave, (batch, ...)."""
        scores: Tensor = self.dense(self.body(features))
        return scores

    def forward(self, images: Tensor) -> Tensor:
        """Returns the scores after the final norm, (batch, classes), of float images (batch, channels, h, w)."""
        scores: Tensor = self.final_norm(self.scores(images))
        return scores

    def without_final_norm(self) -> "Classifier":
        """Returns a copy whose final norm is removed: it gives the scores before the norm (K21 H1)."""
        return remove(self, layer="dense", norm="final_norm")


def build_network(
    network: Network,
    input_shape: tuple[int, ...],
    num_classes: int,
    state: backbones.BackboneState | None = None,
    on_features: bool = False,
) -> Classifier:
    """Returns an untrained network; its initial weights come from torch's global generator.

    The norms draw nothing, so arms that differ in norms start from the same weights; a head starts from the same
    weights on features as on images.

    Args:
        network: which one.
        input_shape: (channels, height, width) of an image; with `on_features` (units,).
        num_classes: outputs.
        state: the backbone's weights, where it has any.
        on_features: leave the backbone out; the input is what a frozen one gives.
    """
    backbone: nn.Module = nn.Identity()
    is_own = own_code.is_own(network.name)
    if network.name in SMALL_NETWORKS:
        body, num_features = SMALL[network.name](network, input_shape)
    elif is_own:
        own_body, num_features = build_own_network(network.name, input_shape)
        body = nn.Sequential(own_body, *_dropout(network))
    else:
        if on_features:
            units = input_shape[0]
        else:
            # given weights draw nothing, so that a head starts alike on features and on images
            with torch.random.fork_rng(devices=[], enabled=state is not None):
                backbone, units = backbones.build_backbone(network, state)
        body, num_features = _head(network, units), HEAD_UNITS
    norm = make_norm(network.final_norm, num_classes)
    classifier = Classifier(backbone, body, num_features, num_classes, norm, network.head)
    for module in (norm,) if is_own else (*body.modules(), norm):
        if isinstance(module, nn.BatchNorm1d):
            module.momentum, module.eps = network.norm_momentum, network.norm_eps
    if isinstance(norm, nn.BatchNorm1d):
        norm.momentum = network.final_norm_momentum or network.norm_momentum
        norm.weight.requires_grad_(network.final_scale == "learned")
        norm.bias.requires_grad_(network.final_shift == "learned")
    if network.initialisation != "torch":
        _initialise(classifier, network.initialisation)
    return classifier


def _initialise(classifier: Classifier, kind: str) -> None:
    """Draws the weights of everything behind the backbone anew; biases are 0."""
    for module in (*classifier.body.modules(), classifier.dense):
        if isinstance(module, nn.Linear) or (isinstance(module, nn.Conv2d) and kind != "xavier"):
            INITIALISATIONS[kind](module.weight)
            if module.bias is not None:
                nn.init.zeros_(module.bias)


def _head(network: Network, units: int) -> nn.Module:
    """K21 sec. 3.1, after average pooling: norm, dropout 0.25, dense 512, ReLU, norm, dropout 0.5 (or both scaled)."""
    dropout = 0.5 if network.dropout is None else network.dropout
    return nn.Sequential(
        nn.BatchNorm1d(units),
        nn.Dropout(dropout / 2),
        nn.Linear(units, HEAD_UNITS),
        nn.ReLU(),
        nn.BatchNorm1d(HEAD_UNITS),
        nn.Dropout(dropout),
    )


def _dense(network: Network, image_shape: tuple[int, ...]) -> tuple[nn.Module, int]:
    """One hidden layer; its norm ("first BN", K21 Table 7) stands before the ReLU."""
    channels, height, width = image_shape
    hidden = nn.Linear(channels * height * width, network.hidden)
    norm = make_norm(network.first_norm, network.hidden)
    return nn.Sequential(nn.Flatten(), hidden, norm, nn.ReLU(), *_dropout(network)), network.hidden


def _cnn(network: Network, image_shape: tuple[int, ...]) -> tuple[nn.Module, int]:
    """Five Conv2D (K21 sec. 4.3): 16, 16, pool, 32, 32, pool, 64, average or flatten; 3x3, ReLU, no inner norm."""
    layers: list[nn.Module] = []
    channels = image_shape[0]
    for width in (16, 16, None, 32, 32, None, 64):
        if width is None:
            layers.append(nn.MaxPool2d(2))
        else:
            layers += [nn.Conv2d(channels, width, 3, padding=1), nn.ReLU()]
            channels = width
    if network.pool == "flatten":
        _, height, width = image_shape
        return nn.Sequential(*layers, nn.Flatten(), *_dropout(network)), channels * (height // 4) * (width // 4)
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), *_dropout(network)), channels


def _dropout(network: Network) -> list[nn.Module]:
    return [nn.Dropout(network.dropout)] if network.dropout else []


SMALL: dict[str, Callable[[Network, tuple[int, ...]], tuple[nn.Module, int]]] = {"dense": _dense, "cnn": _cnn}
