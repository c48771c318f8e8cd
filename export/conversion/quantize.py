"""A float32 graph -> smaller ones, the smallest first: fp16 and int8. All are approximate, so measure them.

fp16: weights and arithmetic in half precision where the runtime has it; images and probabilities keep their types.
int8: quantize-dequantize pairs (QDQ) around every layer, weights per output channel, activations by their range on
calibration images, probabilities in float32; onnxruntime's own quantizer does both.

Signed 8-bit weights in their full range are not among the candidates: on a CPU without VNNI sums of two products
saturate at 16 bits, so that files decide otherwise there than elsewhere (onnxruntime#14642).
"""

import logging
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
from onnx import ModelProto
from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static
from onnxruntime.quantization.shape_inference import quant_pre_process
from onnxruntime.transformers.float16 import convert_float_to_float16

from export.conversion.graph_form import lean
from export.errors import ExportError
from export.surgery import OUTPUT_ACTIVATIONS, copy_model
from export.verification import infer, open_session
from trainables.common import first_line

CALIBRATION_IMAGES = 200
SENSITIVITY_IMAGES = 32  # of them, to rank the layers
_HAVE_WEIGHTS = ("Gemm", "MatMul", "Conv")


@dataclass(frozen=True)
class Candidate:
    """One way to make a graph smaller: `name` says what is in fewer bits."""

    name: str
    model: ModelProto


def fp16_candidates(model: ModelProto) -> Iterator[Candidate]:
    """Yields copies in half precision whose input and output keep their types: all of it, then all but the last layer.

    Raises:
        ExportError: onnxruntime cannot convert the graph.
    """
    for name, in_float in (("all layers", []), ("all layers but the last", _last_and_after(model))):
        try:
            half = convert_float_to_float16(copy_model(model), keep_io_types=True, node_block_list=in_float)
        except Exception as error:  # onnxruntime's converter raises what it likes
            raise ExportError(f"onnxruntime cannot write this graph in half precision: {first_line(error)}") from error
        yield Candidate(name, lean(half))


def int8_candidates(model: ModelProto, images: npt.NDArray[np.uint8]) -> Iterator[Candidate]:
    """Yields quantized copies, those that are smaller and faster on more devices first.

    Args:
        model: the float32 graph; its batch norms are best folded before.
        images: uint8 (n, height, width, channels) to calibrate activations on: training images, never test images.

    Raises:
        ExportError: onnxruntime cannot quantize the graph.
    """
    with tempfile.TemporaryDirectory() as folder:
        quantizer = _Quantizer(model, images, Path(folder))
        yield Candidate("all layers", quantizer.quantized())
        unsigned = {"weight_type": QuantType.QUInt8, "activation_type": QuantType.QUInt8, "reduce_range": False}
        yield Candidate("all layers, unsigned weights", quantizer.quantized(**unsigned))
        yield Candidate("all layers but the last", quantizer.quantized(in_float=quantizer.layers[-1:]))
        wide = {"activation_type": QuantType.QUInt16, "reduce_range": False}
        yield Candidate("all layers, 16-bit activations", quantizer.quantized(**wide))
        layers = quantizer.most_sensitive_first()
        count = 1
        while count < len(layers):
            name = f"all layers but the {count} most sensitive"
            yield Candidate(name, quantizer.quantized(in_float=layers[:count]))
            count *= 2


class _Quantizer:
    """One graph, prepared and calibrated once, quantized in many ways."""

    def __init__(self, model: ModelProto, images: npt.NDArray[np.uint8], folder: Path) -> None:
        self._model, self._images, self._folder = model, images, folder
        self._probabilities = [node.name for node in model.graph.node if node.op_type in OUTPUT_ACTIVATIONS]
        self.layers = [node.name for node in model.graph.node if node.op_type in _HAVE_WEIGHTS]
        onnx.save(model, folder / "before.onnx")
        with _one_line_errors():
            quant_pre_process(
                str(folder / "before.onnx"),
                str(folder / "prepared.onnx"),
                skip_symbolic_shape=True,
                skip_optimization=True,
            )

    def quantized(self, in_float: list[str] | None = None, **ways: Any) -> ModelProto:
        """Returns a quantized copy in which some layers stay as they are; `ways` are onnxruntime's."""
        ways = {"reduce_range": True, "nodes_to_exclude": [*self._probabilities, *(in_float or [])], **ways}
        after = self._folder / "after.onnx"
        with _one_line_errors():
            quantize_static(
                str(self._folder / "prepared.onnx"),
                str(after),
                _Images(self._model, self._images),
                quant_format=QuantFormat.QDQ,
                per_channel=True,
                calibration_cache_path=str(self._folder / "ranges.json"),
                **ways,
            )
        quantized = onnx.load(after)
        del quantized.metadata_props[:]
        quantized.metadata_props.extend(self._model.metadata_props)
        return lean(quantized)

    def most_sensitive_first(self) -> list[str]:
        """Returns the layers by how far outputs move where one of them alone is quantized."""
        images = self._images[:SENSITIVITY_IMAGES]
        exact = _outputs(self._model, images)
        moved = {
            layer: float(np.abs(_outputs(self.quantized(nodes_to_quantize=[layer]), images) - exact).mean())
            for layer in self.layers
        }
        return sorted(self.layers, key=lambda layer: -moved[layer])


class _Images(CalibrationDataReader):  # type: ignore[misc]
    """Hands out the calibration images one batch at a time."""

    def __init__(self, model: ModelProto, images: npt.NDArray[np.uint8]) -> None:
        self.feeds = iter(_feeds(model, images))

    def get_next(self) -> dict[str, npt.NDArray[np.uint8]] | None:
        """Returns the next feed, None at the end."""
        return next(self.feeds, None)


def _feeds(model: ModelProto, images: npt.NDArray[np.uint8]) -> Iterator[dict[str, npt.NDArray[np.uint8]]]:
    [given] = model.graph.input
    batch = given.type.tensor_type.shape.dim[0].dim_value or 16
    return ({given.name: images[i : i + batch]} for i in range(0, len(images), batch))


def _outputs(model: ModelProto, images: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
    return infer(open_session(model.SerializeToString(), threads=0), images)


def _last_and_after(model: ModelProto) -> list[str]:
    """Returns the names of the last layer and of every node behind it."""
    nodes = list(model.graph.node)
    last = max(i for i, node in enumerate(nodes) if node.op_type in _HAVE_WEIGHTS)
    return [node.name for node in nodes[last:]]


@contextmanager
def _one_line_errors() -> Iterator[None]:
    """Makes what onnxruntime's quantizer raises one line, and keeps its advice out of the log."""
    root = logging.getLogger()
    was_disabled, root.disabled = root.disabled, True  # it logs to the root logger
    try:
        yield
    except Exception as error:  # it raises what it likes
        raise ExportError(f"onnxruntime cannot quantize this graph: {first_line(error)}") from error
    finally:
        root.disabled = was_disabled
