"""A float32 graph -> a smaller one: fp16, or int8 calibrated on training images. Approximate, so measure them.

fp16: weights and arithmetic in half precision where the runtime has it; images and probabilities keep their types.
int8: quantize-dequantize pairs (QDQ) around every layer, weights per output channel, activations by their range on
calibration images, probabilities in float32; onnxruntime's own quantizer does both.
"""

import logging
import tempfile
from pathlib import Path

import numpy as np
import numpy.typing as npt
import onnx
from onnx import ModelProto
from onnxruntime.quantization import CalibrationDataReader, QuantFormat, quantize_static
from onnxruntime.quantization.shape_inference import quant_pre_process
from onnxruntime.transformers.float16 import convert_float_to_float16

from export.errors import ExportError
from export.surgery import OUTPUT_ACTIVATIONS, copy_model
from trainables.errors import first_line

FP16, INT8 = REDUCED = ("fp16", "int8")
CALIBRATION_IMAGES = 200
_HAVE_WEIGHTS = ("Gemm", "MatMul", "Conv")


def to_fp16(model: ModelProto) -> ModelProto:
    """Returns a copy in half precision whose input and output keep their types."""
    try:
        return convert_float_to_float16(copy_model(model), keep_io_types=True)  # type: ignore[no-any-return]
    except Exception as error:  # onnxruntime's converter raises what it likes
        raise ExportError(f"onnxruntime cannot write this graph in half precision: {first_line(error)}") from error


def to_int8(model: ModelProto, images: npt.NDArray[np.uint8], exclude_last: bool = False) -> ModelProto:
    """Returns a quantized copy.

    Args:
        model: the float32 graph; its batch norms are best folded before.
        images: uint8 (n, height, width, channels) to calibrate activations on: training images, never test images.
        exclude_last: keep the layer that makes the class scores in float32.
    """
    in_float = [node.name for node in model.graph.node if node.op_type in OUTPUT_ACTIVATIONS]
    if exclude_last:
        in_float += [node.name for node in model.graph.node if node.op_type in _HAVE_WEIGHTS][-1:]
    with tempfile.TemporaryDirectory() as folder:
        before, prepared, after = (str(Path(folder, f"{name}.onnx")) for name in ("before", "prepared", "after"))
        onnx.save(model, before)
        root, was_disabled = logging.getLogger(), logging.getLogger().disabled
        root.disabled = True  # onnxruntime logs advice to the root logger
        try:
            quant_pre_process(before, prepared, skip_symbolic_shape=True, skip_optimization=True)
            quantize_static(
                prepared,
                after,
                _Images(model.graph.input[0].name, images),
                quant_format=QuantFormat.QDQ,
                per_channel=True,
                nodes_to_exclude=in_float,
            )
        except Exception as error:  # onnxruntime's quantizer raises what it likes
            raise ExportError(f"onnxruntime cannot quantize this graph: {first_line(error)}") from error
        finally:
            root.disabled = was_disabled
        quantized = onnx.load(after)
    del quantized.metadata_props[:]
    quantized.metadata_props.extend(model.metadata_props)
    return quantized


class _Images(CalibrationDataReader):  # type: ignore[misc]
    """Hands out the calibration images one batch at a time."""

    def __init__(self, name: str, images: npt.NDArray[np.uint8], batch: int = 16) -> None:
        self.feeds = iter([{name: images[i : i + batch]} for i in range(0, len(images), batch)])

    def get_next(self) -> dict[str, npt.NDArray[np.uint8]] | None:
        """Returns the next feed, None at the end."""
        return next(self.feeds, None)
