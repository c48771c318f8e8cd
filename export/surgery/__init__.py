"""Where is the final norm of any ONNX classifier, and how is it folded or removed?"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from export.surgery.changes import fold, fuse_inner_norms, remove, shift_scores
    from export.surgery.command import change_file
    from export.surgery.files import rewrite
    from export.surgery.final_norm import OUTPUT_ACTIVATIONS
    from export.surgery.graph import copy_model
else:
    from trainables.common import public_names

    _FILES = {
        "changes": ("fold", "fuse_inner_norms", "remove", "shift_scores"),
        "command": ("change_file",),
        "final_norm": ("OUTPUT_ACTIVATIONS",),
        "graph": ("copy_model",),
        "files": ("rewrite",),
    }
    __getattr__ = public_names(__name__, _FILES)

__all__ = [
    "OUTPUT_ACTIVATIONS",
    "change_file",
    "copy_model",
    "fold",
    "fuse_inner_norms",
    "remove",
    "rewrite",
    "shift_scores",
]
