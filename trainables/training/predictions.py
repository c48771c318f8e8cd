"""What a network says of a held-out split, and how good that is."""

from dataclasses import dataclass

import torch
from torch import Tensor

from trainables.configuration import Configuration
from trainables.evaluation import measure
from trainables.training import losses


@dataclass(frozen=True)
class Predictions:
    """Scores of a split before softmax or sigmoid: (n, classes); labels (n,); positions in the data set (n,)."""

    scores: Tensor
    labels: Tensor
    positions: Tensor


def measure_scores(scores: Tensor, labels: Tensor, configuration: Configuration) -> dict[str, float]:
    """Returns {"metric/class": value} of scores (n, classes) before softmax or sigmoid and labels (n,), n > 0.

    The loss is the training loss without class weights and logit adjustment.
    """
    data = configuration.data
    one_hot = torch.eye(scores.shape[1], device=scores.device)[labels]
    loss = (one_hot * losses.per_label(scores, configuration.loss, configuration.network)).sum(dim=1).mean()
    probabilities = losses.probabilities(scores, configuration.network.output).cpu().numpy()
    measured = measure(probabilities, labels.cpu().numpy(), data.classes, data.roles)
    return {**measured, "loss/all": float(loss)}
