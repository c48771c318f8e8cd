"""Where is the final norm of any ONNX classifier, and how is it folded or removed?"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from export.surgery.changes import fold, fuse_inner_norms, remove, shift_scores
    from export.surgery.command import change_file
    from export.surgery.final_norm import OUTPUT_ACTIVATIONS
    from export.surgery.graph import copy_model
    from export.surgery.rewrite import rewrite

_FILES = {
    "changes": ("fold", "fuse_inner_norms", "remove", "shift_scores"),
    "command": ("change_file",),
    "final_norm": ("OUTPUT_ACTIVATIONS",),
    "graph": ("copy_model",),
    "rewrite": ("rewrite",),
}

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

if not TYPE_CHECKING:

    def __getattr__(name: str) -> object:
        """Returns a public name of this room; its file is imported then: `--help` does without onnx."""
        file = next((file for file, names in _FILES.items() if name in names), None)
        if file is None:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        return getattr(import_module(f"{__name__}.{file}"), name)
