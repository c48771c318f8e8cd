"""Training losses over scores, with class weights and soft (mixed, smoothed) targets in one form.

    L = sum_i sum_k t_ik w_k l_ik / sum_i sum_k t_ik w_k        (Y19 eq. 2; the sums run over the batch and the classes)

with l_ik the categorical or binary cross-entropy of image i if its label were k, w_k the weight of class k and t_i the
target of image i: one-hot, or mixed by mixup. For a mixed image this is the mixed weighted loss
r w_a l_a + (1 - r) w_b l_b over r w_a + (1 - r) w_b. All take leading axes too: networks side by side.
"""

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional as F

from trainables import own_code
from trainables.common import ConfigurationError, first_line
from trainables.configuration import Configuration, Loss, Network
from trainables.networks import check_own_network

OwnLoss = Callable[[Tensor, Tensor, Tensor], Tensor]


def class_weights(loss: Loss, counts: Tensor) -> Tensor:
    """Returns w_k (..., classes) from the training counts N_k (..., classes).

    "inverse" is N / N_k (Y19 eq. 3); "effective" is (1 - beta) / (1 - beta^N_k) (eq. 13), rescaled to mean 1 over the
    training images, since eq. 12 needs Z_r > 1 and the raw weights fall below 1 / batch for beta near 1.
    """
    if loss.class_weights == "inverse":
        return counts.sum(dim=-1, keepdim=True) / counts
    if loss.class_weights == "effective":
        raw = (1 - loss.beta) / (1 - loss.beta ** counts.double())
        return (raw * counts.sum(dim=-1, keepdim=True) / (raw * counts).sum(dim=-1, keepdim=True)).to(counts.dtype)
    return torch.ones_like(counts)


def per_label(scores: Tensor, loss: Loss, network: Network) -> Tensor:
    """Returns l_ik (..., batch, classes) of scores (..., batch, classes): the loss of image i if its label were k.

    BCE is the mean over the C outputs against the one-hot label; softmax + BCE is that of each softmax output (K21
    Table 7). The focal loss scales cross-entropy by (1 - p)^gamma. With label smoothing, a share of it is the mean over
    all labels.
    """
    if loss.name == "cce":
        losses = -F.log_softmax(scores, dim=-1)
        if loss.focal_gamma:
            wrong = (1 - torch.exp(-losses)).clamp_min(torch.finfo(losses.dtype).tiny)  # 0 ** gamma has no gradient
            losses = wrong**loss.focal_gamma * losses
    else:
        log_p, log_q = _log_outputs(scores, network.output)
        losses = (log_q - log_p - log_q.sum(dim=-1, keepdim=True)) / scores.shape[-1]
    share = loss.label_smoothing
    return losses if share == 0 else (1 - share) * losses + share * losses.mean(dim=-1, keepdim=True)


def logit_adjustment(loss: Loss, counts: Tensor) -> Tensor:
    """Returns what training adds to the scores, tau log(N_k / N), (..., classes); nothing is added at inference."""
    if not loss.logit_adjustment:
        return torch.zeros_like(counts)
    return loss.logit_adjustment * torch.log(counts / counts.sum(dim=-1, keepdim=True))


def weighted_mean(losses: Tensor, targets: Tensor, weights: Tensor) -> Tensor:
    """Returns L (...) of losses l_ik and targets t_ik, (..., batch, classes), and class weights w_k, (..., classes)."""
    shares = targets * weights.unsqueeze(-2)
    return (shares * losses).sum(dim=(-2, -1)) / shares.sum(dim=(-2, -1))


def load_own_loss(name: str) -> OwnLoss:
    """Returns somebody's own loss, a function that gives the loss of a batch, a scalar.

    It takes scores (batch, classes), targets (batch, classes), one-hot or soft with mixup, and the number of training
    images of each class, (classes,).
    """
    return own_code.load_own(name)


def check_own_code(configuration: Configuration, image_shape: tuple[int, ...]) -> None:
    """Tries a configuration's network, head and loss of somebody's own; raises ConfigurationError for a breach."""
    num_classes = len(configuration.data.classes)
    check_own_network(configuration.network, image_shape, num_classes)
    if configuration.loss.function:
        check_own_loss(configuration.loss.function, num_classes)


def check_own_loss(name: str, num_classes: int) -> None:
    """Tries somebody's own loss before anything trains.

    Raises:
        ConfigurationError: it fails, gives no finite scalar, or nothing to learn from.
    """
    spec = own_code.spec_of(name)
    scores = torch.linspace(-1, 1, 4 * num_classes).view(4, num_classes).requires_grad_()
    targets = torch.eye(num_classes)[torch.arange(4) % num_classes]
    try:
        loss = load_own_loss(name)(scores, targets, torch.arange(1.0, num_classes + 1))
    except ConfigurationError:
        raise
    except Exception as error:  # code of somebody's own raises what it likes
        raise ConfigurationError(f"{spec} raised {type(error).__name__}: {first_line(error)}") from error
    if not isinstance(loss, Tensor) or loss.shape != ():
        got = f"shape {tuple(loss.shape)}" if isinstance(loss, Tensor) else type(loss).__name__
        raise ConfigurationError(f"{spec} gives {got}; the loss of a batch is a scalar tensor")
    if not loss.isfinite() or loss.grad_fn is None:
        raise ConfigurationError(
            f"{spec} gives {loss.item():g}, {'which has no gradient' if loss.isfinite() else 'not finite'}"
        )


def probabilities(scores: Tensor, output: str) -> Tensor:
    """Returns softmax or element-wise sigmoid of scores (..., classes), as trainables.evaluation does in NumPy."""
    return torch.sigmoid(scores) if output == "sigmoid" else torch.softmax(scores, dim=-1)


def _log_outputs(scores: Tensor, output: str) -> tuple[Tensor, Tensor]:
    """Returns log p and log(1 - p) of every output (..., classes), finite where p rounds to 0 or 1."""
    if output == "sigmoid":
        return F.logsigmoid(scores), F.logsigmoid(-scores)
    own = torch.eye(scores.shape[-1], dtype=torch.bool, device=scores.device)
    others = scores.unsqueeze(-2).masked_fill(own, -torch.inf)  # (..., classes, classes)
    log_q = torch.logsumexp(others, dim=-1) - torch.logsumexp(scores, dim=-1, keepdim=True)
    return F.log_softmax(scores, dim=-1), log_q
