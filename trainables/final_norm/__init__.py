"""How is a final norm put on any PyTorch classifier, folded into the layer before it, or taken off?

Needs torch alone, so that it can be used without the rest of the project; `model.py` is where to start.
"""

from trainables.final_norm.algebra import FinalNormError, affine_form, make_norm, scale_and_shift, with_batch_norms
from trainables.final_norm.model import append, fold, remove
from trainables.final_norm.normed_scores import NormedScores
from trainables.final_norm.weighted import WeightedBatchNorm, averaging_statistics, weighted_norms

__all__ = [
    "FinalNormError",
    "NormedScores",
    "WeightedBatchNorm",
    "affine_form",
    "append",
    "averaging_statistics",
    "fold",
    "make_norm",
    "remove",
    "scale_and_shift",
    "weighted_norms",
    "with_batch_norms",
]
