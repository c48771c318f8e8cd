"""The algebra of a norm over class scores: its scale and shift, and how they fold into the layer before it.

In evaluation a batch norm is affine per class k:  y_k = a_k s_k + b_k  with
    a_k = gamma_k / sqrt(v_k + eps),   b_k = beta_k - a_k m_k
so behind a layer s = W x + c it folds into W'_k = a_k W_k, c'_k = a_k c_k + b_k, exactly (up to rounding). W_k is a row
of a Linear layer or a kernel of a Conv. Removing the norm (K21 H1, sec. 4.1) keeps W, c instead: other decisions
wherever the a_k or b_k differ between classes.

symbol      meaning                     shape
s, y        scores before, after        (batch, classes)
gamma beta  learned scale and shift     (classes,)
m v         running mean and variance   (classes,)
"""

from collections.abc import Callable
from typing import TypeVar

import torch
from torch import Tensor, nn

from trainables.final_norm.weighted import WeightedBatchNorm

ModuleType = TypeVar("ModuleType", bound=nn.Module)
ScoresLayer = nn.Linear | nn.Conv1d | nn.Conv2d | nn.Conv3d
BatchNorm = nn.BatchNorm1d | nn.BatchNorm2d | nn.BatchNorm3d | nn.SyncBatchNorm | WeightedBatchNorm


class FinalNormError(ValueError):
    """A network whose final norm cannot be put on, taken off or folded; the message says why."""


def make_norm(kind: str, num_classes: int) -> nn.Module:
    """Returns the norm of that kind; "none" is the identity."""
    return NORMS[kind](num_classes)


def scale_and_shift(norm: nn.Module, dtype: torch.dtype | None = None) -> tuple[Tensor, Tensor]:
    """Returns a, b (classes,) of the evaluation form y = a s + b, whatever mode the norm is in.

    Args:
        norm: a batch norm of torch or Y19's; with `affine=False` gamma is 1 and beta 0.
        dtype: what to compute in and return; None is the type of the norm's statistics.

    Raises:
        FinalNormError: no batch norm, or one without running statistics: it has no fixed scale and shift.
    """
    if not isinstance(norm, BatchNorm) or _computes_something_else(norm):
        raise FinalNormError(f"got {type(norm).__name__}; only a batch norm has a scale and shift")
    if norm.running_mean is None or norm.running_var is None:
        raise FinalNormError(
            f"the {type(norm).__name__} has no running statistics (track_running_stats=False): it normalises with each "
            "batch's own, so it has no fixed scale and shift"
        )
    tensors = (norm.running_mean, norm.running_var, norm.weight, norm.bias)
    mean, variance, gamma, beta = (None if t is None else t.detach().to(dtype) for t in tensors)
    return affine_form(mean, variance, gamma, beta, norm.eps)


def affine_form(
    mean: Tensor, variance: Tensor, gamma: Tensor | None, beta: Tensor | None, eps: float
) -> tuple[Tensor, Tensor]:
    """Returns a, b of y = a s + b, all (..., classes), of a batch norm's tensors; no gamma is 1, no beta 0."""
    scale = (torch.ones_like(variance) if gamma is None else gamma) / torch.sqrt(variance + eps)
    return scale, (torch.zeros_like(mean) if beta is None else beta) - scale * mean


def fold_into(layer: ScoresLayer, norm: nn.Module) -> None:
    """Changes a layer so that it gives what `norm(layer(x))` gave in evaluation; computed in float64.

    A layer without bias gains one; type, device and whether it trains stay those of its weight.

    Raises:
        FinalNormError: no batch norm with running statistics, or numbers that the layer's type cannot hold.
    """
    scale, shift = scale_and_shift(norm, torch.float64)
    weight = layer.weight.detach().double() * scale.view(-1, *[1] * (layer.weight.dim() - 1))
    bias = shift if layer.bias is None else scale * layer.bias.detach().double() + shift
    dtype = layer.weight.dtype
    weight, bias = weight.to(dtype), bias.to(dtype)
    if not (weight.isfinite().all() and bias.isfinite().all()):
        raise FinalNormError(f"the folded weights are not finite in {dtype}: look at the norm's statistics and weights")
    trains = layer.weight.requires_grad
    layer.weight = nn.Parameter(weight, requires_grad=trains)
    layer.bias = nn.Parameter(bias, requires_grad=trains)


def with_batch_norms(network: ModuleType) -> ModuleType:
    """Puts torch's batch norm, of the same evaluation form, in the place of every layer of Y19; returns the network."""
    for name, module in list(network.named_modules()):
        if isinstance(module, WeightedBatchNorm):
            network.set_submodule(name, as_batch_norm(module))
    return network


def as_batch_norm(norm: WeightedBatchNorm) -> nn.BatchNorm1d:
    """Returns torch's batch norm with the evaluation form of Y19's layer."""
    same = nn.BatchNorm1d(len(norm.weight), eps=norm.eps)
    same.load_state_dict(norm.state_dict(), strict=False)  # all but torch's count of batches
    same.eval()
    return same


def _computes_something_else(norm: nn.Module) -> bool:
    """Whether a subclass has a forward of its own, such as a batch norm with its activation inside."""
    known = (nn.BatchNorm1d.forward, nn.SyncBatchNorm.forward, WeightedBatchNorm.forward)
    return type(norm).forward not in known


NORMS: dict[str, Callable[[int], nn.Module]] = {
    "none": lambda num_classes: nn.Identity(),
    "batch": nn.BatchNorm1d,
    "standard": lambda num_classes: WeightedBatchNorm(num_classes, weighted=False),
    "weighted": WeightedBatchNorm,
}
