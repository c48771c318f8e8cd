"""The norm over the class scores: put on, taken off, folded, and read as scale and shift. The algebra, in one place.

In evaluation a batch norm is affine per class k:  y_k = a_k s_k + b_k  with
    a_k = gamma_k / sqrt(v_k + eps),   b_k = beta_k - a_k m_k
so after a dense layer s = W x + c it folds into W'_k = a_k W_k, c'_k = a_k c_k + b_k, exactly (up to rounding).
Removing it (K21 H1, sec. 4.1) keeps W, c instead: other decisions wherever the a_k or b_k differ between classes.

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


def make_norm(kind: str, num_classes: int) -> nn.Module:
    """Returns the norm of that kind; "none" is the identity."""
    return NORMS[kind](num_classes)


def scale_and_shift(norm: nn.Module) -> tuple[Tensor, Tensor]:
    """Returns a, b (classes,) of the evaluation form y = a s + b; raises TypeError for anything but a batch norm."""
    if not isinstance(norm, (nn.BatchNorm1d, WeightedBatchNorm)) or norm.running_mean is None:
        raise TypeError(f"got {type(norm).__name__}; only a batch norm with running statistics has a scale and shift")
    assert norm.running_var is not None  # there is no mean without a variance
    scale = norm.weight.detach() / torch.sqrt(norm.running_var + norm.eps)
    return scale, norm.bias.detach() - scale * norm.running_mean


def fold_linear(dense: nn.Linear, norm: nn.Module) -> nn.Linear:
    """Returns a dense layer with the outputs of `norm(dense(x))` in evaluation."""
    scale, shift = scale_and_shift(norm)
    folded = nn.Linear(dense.in_features, dense.out_features)
    with torch.no_grad():
        folded.weight.copy_(scale[:, None] * dense.weight)
        folded.bias.copy_(shift if dense.bias is None else scale * dense.bias + shift)
    return folded


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


NORMS: dict[str, Callable[[int], nn.Module]] = {
    "none": lambda num_classes: nn.Identity(),
    "batch": nn.BatchNorm1d,
    "standard": lambda num_classes: WeightedBatchNorm(num_classes, weighted=False),
    "weighted": WeightedBatchNorm,
}
