"""Networks whose final norm cannot be appended, folded or removed say why."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn
from torchvision import models

from tests.trainables.final_norm.networks import (
    CLASSES,
    Branching,
    TwoOf,
    chain,
)
from trainables.final_norm import FinalNormError, append, fold, remove


class OwnForward(nn.Linear):
    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x).relu()


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
    "another number of classes": (lambda: append(chain(), 4), "'2' makes 3 scores, not 4"),
    "no layer": (lambda: append(nn.Sequential(nn.Flatten()), 2), "made by 'input', not by a layer"),
    "scores of another kind of layer": (
        lambda: append(chain(nn.LayerNorm(CLASSES)), CLASSES),
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
    "no such layer": (lambda: append(chain(), CLASSES, layer="fc"), "no module 'fc'"),
    "named, but another kind": (lambda: append(chain(), CLASSES, layer="1"), "'1' is a ReLU, not a Linear or Conv"),
    "only a layer": (lambda: append(nn.Linear(2, CLASSES), CLASSES), "nothing but a Linear; put it into"),
    "a norm already": (lambda: append(append(chain(), CLASSES), CLASSES), "a final norm already, in '2'"),
    "a norm of its own": (lambda: append(chain(nn.BatchNorm1d(3)), CLASSES), "ends in a batch norm already, '3'"),
    "one layer in two places": (lambda: append(_twice(), CLASSES), "'0' is used in more than one place"),
    "one named layer in two places": (lambda: append(_twice(), CLASSES, layer="0"), "in several places: 0, 2"),
    "remove without a norm": (lambda: remove(chain()), "no final norm found: the network ends in '2'"),
    "fold without a norm": (lambda: fold(models.resnet18()), "no final norm found: the network ends in 'fc'"),
    "a norm behind something else": (
        lambda: fold(chain(nn.ReLU(), nn.BatchNorm1d(CLASSES))), "'4' is not directly behind a Linear or Conv"
    ),
    "no norm in the named layer": (lambda: fold(chain(), layer="2"), "no final norm in '2'; name one"),
    "a norm without its layer": (lambda: fold(chain(), norm="2"), "named without the layer before it"),
    "a norm that is none": (lambda: fold(chain(), layer="2", norm="1"), "'1' is a ReLU, not a batch norm"),
    "a norm over other units": (
        lambda: fold(chain(nn.BatchNorm1d(4)), layer="2", norm="3"), "'2' makes 3 scores, its norm takes 4"
    ),
    "no running statistics": (
        lambda: fold(chain(nn.BatchNorm1d(CLASSES, track_running_stats=False))), "no running statistics"
    ),
    "tied weights": (lambda: fold(append(_tied(), CLASSES)), r"'2\.layer' are shared with '0\.weight'"),
    "weight norm": (
        lambda: fold(append(chain()[:2].append(nn.utils.parametrizations.weight_norm(nn.Linear(8, 3))), 3)),
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
    network = append(chain(), CLASSES)
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
