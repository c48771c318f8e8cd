"""What a network says of a held-out split, and how good that is."""

from dataclasses import dataclass

from torch import Tensor

from trainables.configuration import Configuration
from trainables.evaluation import measure_members
from trainables.training import losses


@dataclass(frozen=True)
class Predictions:
    """Scores of a split before softmax or sigmoid: (n, classes); labels (n,); positions in the data set (n,)."""

    scores: Tensor
    labels: Tensor
    positions: Tensor


def measure_scores(scores: Tensor, labels: Tensor, configuration: Configuration) -> list[dict[str, float]]:
    """Returns {"metric/class": value} of every member.

    The loss is the training loss without class weights and logit adjustment.

    Args:
        scores: (members, n, classes) before softmax or sigmoid, n > 0.
        labels: (members, n).
        configuration: classes, roles, loss and output.
    """
    data = configuration.data
    of_label = losses.per_label(scores, configuration.loss, configuration.network).gather(2, labels[:, :, None])
    probabilities = losses.probabilities(scores, configuration.network.output).cpu().numpy()
    measured = measure_members(probabilities, labels.cpu().numpy(), data.classes, data.roles)
    loss_of_members = of_label[:, :, 0].mean(dim=1).tolist()
    return [{**values, "loss/all": loss} for values, loss in zip(measured, loss_of_members, strict=True)]
