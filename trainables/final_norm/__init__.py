"""How is a norm put over class scores, folded into the layer before it, or taken off? Needs torch alone."""

from trainables.final_norm.algebra import fold_linear, make_norm, scale_and_shift, with_batch_norms
from trainables.final_norm.weighted import WeightedBatchNorm, averaging_statistics, weighted_norms

__all__ = [
    "WeightedBatchNorm",
    "averaging_statistics",
    "fold_linear",
    "make_norm",
    "scale_and_shift",
    "weighted_norms",
    "with_batch_norms",
]
