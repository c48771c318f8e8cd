"""How does a PyTorch network become an ONNX graph, and a smaller one?"""

from export.conversion.graph_form import DEFAULT_FORM, GraphForm
from export.conversion.quantize import (
    CALIBRATION_IMAGES,
    FP16,
    INT8,
    REDUCED,
    Candidate,
    fp16_candidates,
    int8_candidates,
)
from export.conversion.resize import RESIZE, difference_to_pillow, with_resize
from export.conversion.torch_to_onnx import INPUT, OUTPUT, Deployed, to_onnx

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
