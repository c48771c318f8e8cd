"""How does a PyTorch network become an ONNX graph, and a smaller one?"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from export.conversion.graph_form import DEFAULT_FORM, GraphForm
    from export.conversion.names import FP16, INPUT, INT8, OUTPUT, REDUCED
    from export.conversion.quantize import CALIBRATION_IMAGES, Candidate, fp16_candidates, int8_candidates
    from export.conversion.resize import RESIZE, difference_to_pillow, with_resize
    from export.conversion.torch_to_onnx import Deployed, to_onnx
else:
    from trainables.common import public_names

    _FILES = {
        "graph_form": (
            "DEFAULT_FORM",
            "GraphForm",
        ),
        "names": (
            "FP16",
            "INPUT",
            "INT8",
            "OUTPUT",
            "REDUCED",
        ),
        "quantize": (
            "CALIBRATION_IMAGES",
            "Candidate",
            "fp16_candidates",
            "int8_candidates",
        ),
        "resize": (
            "RESIZE",
            "difference_to_pillow",
            "with_resize",
        ),
        "torch_to_onnx": (
            "Deployed",
            "to_onnx",
        ),
    }
    __getattr__ = public_names(__name__, _FILES)

__all__ = [
    "CALIBRATION_IMAGES",
    "DEFAULT_FORM",
    "FP16",
    "INPUT",
    "INT8",
    "OUTPUT",
    "REDUCED",
    "RESIZE",
    "Candidate",
    "Deployed",
    "GraphForm",
    "difference_to_pillow",
    "fp16_candidates",
    "int8_candidates",
    "to_onnx",
    "with_resize",
]
