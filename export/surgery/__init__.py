"""Where is the final norm of any ONNX classifier, and how is it folded or removed?"""

from export.surgery.final_norm import OUTPUT_ACTIVATIONS, fold, fuse_inner_norms, remove, shift_scores
from export.surgery.graph import copy_model
from export.surgery.rewrite import rewrite

__all__ = [
    "OUTPUT_ACTIVATIONS",
    "copy_model",
    "fold",
    "fuse_inner_norms",
    "remove",
    "rewrite",
    "shift_scores",
]
