"""Networks as body -> dense -> [final norm]: every network ends in the same three steps, so the norm has one place."""

from collections.abc import Callable

from torch import Tensor, nn

from trainables import final_norm
from trainables.configuration import Network


class Classifier(nn.Module):
    """A network whose class scores pass a final norm (the identity where there is none)."""

    def __init__(self, body: nn.Module, num_features: int, num_classes: int, norm: str) -> None:
        super().__init__()
        self.body = body
        self.dense = nn.Linear(num_features, num_classes)
        self.final_norm = final_norm.make(norm, num_classes)

    def scores(self, images: Tensor) -> Tensor:
        """Returns the scores before the final norm, (batch, classes): what stays when it is removed."""
        scores: Tensor = self.dense(self.body(images))
        return scores

    def forward(self, images: Tensor) -> Tensor:
        """Returns the scores after the final norm, (batch, classes), of float images (batch, channels, h, w)."""
        scores: Tensor = self.final_norm(self.scores(images))
        return scores


def build(network: Network, image_shape: tuple[int, int, int], num_classes: int) -> Classifier:
    """Returns an untrained network; its initial weights come from torch's global generator.

    The norms draw nothing, so arms that differ in norms start from the same weights.
    """
    body, num_features = NETWORKS[network.name](network, image_shape)
    return Classifier(body, num_features, num_classes, network.final_norm)


def _dense(network: Network, image_shape: tuple[int, int, int]) -> tuple[nn.Module, int]:
    """One hidden layer; its norm ("first BN", K21 Table 7) stands before the ReLU."""
    channels, height, width = image_shape
    hidden = nn.Linear(channels * height * width, network.hidden)
    norm = final_norm.make(network.first_norm, network.hidden)
    return nn.Sequential(nn.Flatten(), hidden, norm, nn.ReLU()), network.hidden


def _cnn(network: Network, image_shape: tuple[int, int, int]) -> tuple[nn.Module, int]:
    """Five Conv2D (K21 sec. 4.3): 16, 16, pool, 32, 32, pool, 64, global average; 3x3, ReLU, no inner norm."""
    layers: list[nn.Module] = []
    channels = image_shape[0]
    for width in (16, 16, None, 32, 32, None, 64):
        if width is None:
            layers.append(nn.MaxPool2d(2))
        else:
            layers += [nn.Conv2d(channels, width, 3, padding=1), nn.ReLU()]
            channels = width
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten()), channels


NETWORKS: dict[str, Callable[[Network, tuple[int, int, int]], tuple[nn.Module, int]]] = {"dense": _dense, "cnn": _cnn}
