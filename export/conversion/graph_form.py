"""What form a device asks of a graph: opset, batch, resizing; and what lets runtimes other than onnxruntime take it."""

from dataclasses import dataclass

from onnx import ModelProto, checker, helper, version_converter

from export.errors import ExportError
from trainables.common import ConfigurationError, first_line

OPSETS = range(13, 19)  # what the graph can be written for; torch's exporter writes the newest, older are converted
_OLDEST_CONVERTED = 15
_ADDED = {("BatchNormalization", "training_mode", 0), ("Reshape", "allowzero", 0)}  # since 14, and their defaults


@dataclass(frozen=True)
class GraphForm:
    """What a device asks of a graph.

    Attributes:
        opset: ONNX's, 13 to 18.
        batch: images at a time, where the device wants that fixed; None for any.
        resize_inside: whether the graph takes images of any size and resizes them as training did; opset 18.

    Raises:
        ConfigurationError: values that are not allowed, or not together.
    """

    opset: int = OPSETS[-1]
    batch: int | None = None
    resize_inside: bool = False

    def __post_init__(self) -> None:
        if self.opset not in OPSETS:
            raise ConfigurationError(f"--opset {self.opset}: {OPSETS[0]} to {OPSETS[-1]} are allowed")
        if self.batch is not None and self.batch != 1:
            raise ConfigurationError(f"--batch {self.batch}: 1 is allowed; without it a file takes any number")
        if self.resize_inside and self.opset < OPSETS[-1]:
            raise ConfigurationError(f"--resize-inside takes opset {OPSETS[-1]} (antialias); got --opset {self.opset}")


DEFAULT_FORM = GraphForm()


def at_opset(model: ModelProto, opset: int) -> ModelProto:
    """Returns a graph written for an older opset.

    Raises:
        ExportError: one of its operators has no older form.
    """
    if opset == OPSETS[-1]:
        return model
    try:
        older = version_converter.convert_version(model, max(opset, _OLDEST_CONVERTED))
        if opset < _OLDEST_CONVERTED:
            _as_if_written_for(older, opset)
        checker.check_model(older, full_check=True)
    except Exception as error:  # it raises what its C++ part raises
        raise ExportError(f"this graph cannot be written for opset {opset}: {first_line(error)}") from error
    return older


def _as_if_written_for(model: ModelProto, opset: int) -> None:
    """States an opset of which the operators differ by attributes at their defaults alone: of that age or refused.

    onnx's converter knows no way back for BatchNormalization, whose inference has not changed since opset 9.
    """
    for node in model.graph.node:
        kept = [attribute for attribute in node.attribute if (node.op_type, attribute.name, attribute.i) not in _ADDED]
        del node.attribute[:]
        node.attribute.extend(kept)
    model.opset_import[0].version = opset


def lean(model: ModelProto) -> ModelProto:
    """Returns the same model for the oldest runtimes that can hold it: lowest IR version, no inferred shapes kept.

    Shapes that a file states are taken for true by converters, and stale or needless ones stop them.
    """
    del model.graph.value_info[:]
    model.ir_version = helper.find_min_ir_version_for(list(model.opset_import))
    return model
