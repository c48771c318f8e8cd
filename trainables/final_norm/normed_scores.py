"""The layer that makes the class scores together with the norm behind it, in the place where the layer was."""

from torch import Tensor, fx, nn

from trainables.final_norm.algebra import FinalNormError, ScoresLayer

NORM_BEHIND: dict[type[nn.Module], type[nn.Module]] = {
    nn.Linear: nn.BatchNorm1d,
    nn.Conv1d: nn.BatchNorm1d,
    nn.Conv2d: nn.BatchNorm2d,
    nn.Conv3d: nn.BatchNorm3d,
}


class NormedScores(nn.Module):
    """A Linear or Conv, `layer`, and a batch norm over its outputs, `norm`; it is called as the layer was."""

    layer: ScoresLayer
    norm: nn.Module

    def __init__(self, layer: ScoresLayer, momentum: float | None, eps: float) -> None:
        """The norm gets type, device and training mode of the layer."""
        super().__init__()
        make_norm = next(norm for kind, norm in NORM_BEHIND.items() if isinstance(layer, kind))
        self.layer = layer
        self.norm = make_norm(
            num_outputs(layer), momentum=momentum, eps=eps, dtype=layer.weight.dtype, device=layer.weight.device
        )
        self.train(layer.training)

    def forward(self, x: Tensor) -> Tensor:
        """Returns the normed scores, (batch, classes), of a Conv (batch, classes, ...)."""
        return self.norm(classes_second(self.layer(x), self.layer.weight.dim()))  # type: ignore[no-any-return]


def num_outputs(layer: ScoresLayer) -> int:
    """Returns how many scores a layer makes."""
    return layer.out_features if isinstance(layer, nn.Linear) else layer.out_channels


@fx.wrap
def classes_second(scores: Tensor, dimensions: int) -> Tensor:
    """Returns the scores as they are; refuses those whose second axis is not the classes: a norm would mix them up."""
    if scores.dim() != dimensions:
        raise FinalNormError(
            f"got scores of shape {tuple(scores.shape)} from the layer; a final norm takes (batch, classes) of a "
            "Linear and (batch, classes, ...) of a Conv"
        )
    return scores
