"""How does a PyTorch network become an ONNX graph, and a smaller one?"""

from export.conversion.quantize import CALIBRATION_IMAGES, FP16, INT8, REDUCED, to_fp16, to_int8
from export.conversion.torch_to_onnx import INPUT, OPSET, OUTPUT, Deployed, to_onnx

__all__ = [
    "CALIBRATION_IMAGES",
    "FP16",
    "INPUT",
    "INT8",
    "OPSET",
    "OUTPUT",
    "REDUCED",
    "Deployed",
    "to_fp16",
    "to_int8",
    "to_onnx",
]
