"""Training losses over scores, with class weights and soft (mixed) targets in one form.

    L = sum_i w_i l_i / sum_i w_i,   w_i = sum_k t_ik w_k        (Y19 eq. 2; the sums run over the batch)

with l_i the categorical or binary cross-entropy of image i and t_i its target: one-hot, or mixed by mixup.
Mixing the targets this way is mixing the weighted losses of the two images.
"""

import torch
from torch import Tensor
from torch.nn import functional as F

from trainables.configuration import Loss, Network


def class_weights(loss: Loss, counts: Tensor) -> Tensor:
    """Returns w_k (classes,) from the training counts N_k (classes,).

    "inverse" is N / N_k (Y19 eq. 3); "effective" is (1 - beta) / (1 - beta^N_k) (eq. 13), rescaled to mean 1 over the
    training images, since eq. 12 needs Z_r > 1 and the raw weights fall below 1 / batch for beta near 1.
    """
    if loss.class_weights == "inverse":
        return counts.sum() / counts
    if loss.class_weights == "effective":
        raw = (1 - loss.beta) / (1 - loss.beta ** counts.double())
        return (raw * counts.sum() / (raw * counts).sum()).to(counts.dtype)
    return torch.ones_like(counts)


def smooth(targets: Tensor, share: float) -> Tensor:
    """Returns targets (batch, classes) with `share` of each spread evenly over all classes."""
    return targets if share == 0 else (1 - share) * targets + share / targets.shape[1]


def per_image(scores: Tensor, targets: Tensor, loss: Loss, network: Network) -> Tensor:
    """Returns l_i (batch,) of scores and targets (batch, classes).

    BCE is the mean over the C outputs against the target; softmax + BCE is that of each softmax output (K21 Table 7).
    """
    if loss.name == "cce":
        return -(targets * F.log_softmax(scores, dim=1)).sum(dim=1)
    if network.output == "sigmoid":
        return F.binary_cross_entropy_with_logits(scores, targets, reduction="none").mean(dim=1)
    log_p = F.log_softmax(scores, dim=1)  # log(1 - p) as logsumexp of the other scores: finite where 1 - p rounds to 0
    others = scores[:, None, :].masked_fill(_diagonal(scores), -torch.inf)  # (batch, classes, classes)
    log_q = torch.logsumexp(others, dim=2) - torch.logsumexp(scores, dim=1, keepdim=True)
    return -(targets * log_p + (1 - targets) * log_q).mean(dim=1)


def weighted_mean(losses: Tensor, weights: Tensor) -> Tensor:
    """Returns the batch loss of per-image losses and weights, both (batch,)."""
    return (weights * losses).sum() / weights.sum()


def probabilities(scores: Tensor, output: str) -> Tensor:
    """Returns softmax or element-wise sigmoid of scores (batch, classes)."""
    return torch.sigmoid(scores) if output == "sigmoid" else torch.softmax(scores, dim=1)


def _diagonal(scores: Tensor) -> Tensor:
    return torch.eye(scores.shape[1], dtype=torch.bool, device=scores.device)
