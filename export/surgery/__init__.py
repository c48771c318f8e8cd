"""Where is the final norm of any ONNX classifier, and how is it folded or removed?"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from export.surgery.command import change_file
    from export.surgery.final_norm import OUTPUT_ACTIVATIONS, fold, fuse_inner_norms, remove, shift_scores
    from export.surgery.graph import copy_model
    from export.surgery.rewrite import rewrite

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
_FILES = {"change_file": "command", "copy_model": "graph", "rewrite": "rewrite"}


def __getattr__(name: str) -> Any:
    """Imports a public name when it is asked for: the commands' `--help` does without onnx."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_FILES.get(name, 'final_norm')}"), name)
