"""Batch normalization whose statistics carry the weights of the loss (Y19 = arXiv:1911.10687, sec. 3-4).

symbol     meaning                                      shape              source
lambda     affine signal W x, without bias              (batch, units)     eq. 7
w          weight of each image in the loss             (batch,)           eq. 2-3, 13
Z_r        sum of w over the mini-batch                 ()                 below eq. 12
m_r, v_r   weighted mean and variance of the batch      (units,)           eq. 11-12
gamma, b   learned scale and bias                       (units,)           eq. 7-8
m, v       mean over mini-batches of m_r and v_r        (units,)           below eq. 10

    m_r = (1 / Z_r) sum w lambda                 v_r = (1 / (Z_r - 1)) sum w (lambda - m_r)^2
    y = gamma (lambda - m_r) / sqrt(v_r + eps) + b

All formulas take leading axes too, (..., batch, units), with parameters and statistics (..., units): networks side by
side (trainables/networks/stack.py).

With w = 1 this is the paper's standard BN (eq. 9-10, unbiased variance; torch's is biased). Inference uses m and v,
which `averaging()` collects over one pass at the end of an epoch. In evaluation the layer is affine like any batch
norm, so it folds alike (algebra.py).
"""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn

EPS = 1e-8  # Y19 below eq. 10


class WeightedBatchNorm(nn.Module):
    """Y19's batch normalization; `weighted=False` is its standard BN, the same layer with weights 1."""

    weight: Tensor  # gamma
    bias: Tensor  # b
    running_mean: Tensor  # m
    running_var: Tensor  # v

    def __init__(self, units: int, weighted: bool = True) -> None:
        super().__init__()
        self.weighted, self.eps = weighted, EPS
        self.weight = nn.Parameter(torch.ones(units))
        self.bias = nn.Parameter(torch.zeros(units))
        self.register_buffer("running_mean", torch.zeros(units))
        self.register_buffer("running_var", torch.ones(units))
        self.image_weights: Tensor | None = None  # (..., batch), set for each training batch
        self._sums: list[Tensor] | None = None

    def forward(self, x: Tensor) -> Tensor:
        """Returns y (..., batch, units) of lambda (..., batch, units).

        Raises:
            ValueError: in training on a CPU, Z_r <= 1: eq. 12 divides by Z_r - 1. A GPU is not waited for, and gives
                NaN or infinity.
        """
        x = x.to(self.running_mean.dtype)  # of a product in lower precision
        if not self.training:
            return self._affine(x, self.running_mean, self.running_var)
        mean, variance = self._batch_statistics(x)
        if self._sums is not None:
            self._sums.append(torch.stack([mean, variance]).detach())
        return self._affine(x, mean, variance)

    def _batch_statistics(self, x: Tensor) -> tuple[Tensor, Tensor]:
        if self.weighted and self.image_weights is None:
            raise ValueError("a weighted batch norm needs the weights of the batch's images")
        w = self.image_weights if self.weighted and self.image_weights is not None else x.new_ones(x.shape[:-1])
        total = w.sum(dim=-1, keepdim=True)  # (..., 1)
        if not total.is_cuda and float(total.min()) <= 1:
            raise ValueError(
                f"got a batch whose weights sum to Z_r = {float(total.min()):.3g}; more than 1 is needed (eq. 12)"
            )
        with torch.autocast(x.device.type, enabled=False):
            row = w.unsqueeze(-2)  # (..., 1, batch)
            mean = (row @ x).squeeze(-2) / total
            return mean, (row @ (x - mean.unsqueeze(-2)) ** 2).squeeze(-2) / (total - 1)

    def _affine(self, x: Tensor, mean: Tensor, variance: Tensor) -> Tensor:
        gamma, b, m, v = (each.unsqueeze(-2) for each in (self.weight, self.bias, mean, variance))
        return gamma * (x - m) / torch.sqrt(v + self.eps) + b


def weighted_norms(network: nn.Module) -> list[WeightedBatchNorm]:
    """Returns the layers of a network that take the weights of a batch."""
    return [module for module in network.modules() if isinstance(module, WeightedBatchNorm)]


@contextmanager
def averaging_statistics(layers: list[WeightedBatchNorm]) -> Iterator[None]:
    """Collects m_r and v_r of every batch that passes meanwhile and leaves their means as the layers' m and v."""
    for layer in layers:
        layer._sums = []
    yield
    for layer in layers:
        collected = torch.stack(layer._sums or [])  # (batches, 2, ..., units)
        layer.running_mean.copy_(collected[:, 0].mean(dim=0))
        layer.running_var.copy_(collected[:, 1].mean(dim=0))
        layer._sums = None
