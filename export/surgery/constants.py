"""The value of a constant, as exporters write it: an initializer, a Constant node, arithmetic on those."""

import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
from onnx import NodeProto, TensorProto, numpy_helper

from export.errors import SurgeryError
from export.surgery.graph import Array, GraphView, attribute, integers, operator

Value = npt.NDArray[Any]
ARITHMETIC: Mapping[str, Callable[..., Value]] = {
    "Add": np.add,
    "Div": np.divide,
    "Identity": lambda x: x,
    "Mul": np.multiply,
    "Neg": np.negative,
    "Pow": lambda x, y: np.power(x, y).astype(x.dtype),
    "Reciprocal": np.reciprocal,
    "Sqrt": np.sqrt,
    "Sub": np.subtract,
}
SHAPING = ("Cast", "CastLike", "Expand", "Reshape", "Shape", "Squeeze", "Transpose", "Unsqueeze")
LARGEST = 2**24  # values that a constant is expanded to


def value_of(view: GraphView, name: str) -> Value:
    """Returns a constant in its own type; raises SurgeryError for a graph input or a value that is no constant."""
    if name in view.initializers:
        return _array(view.initializers[name])
    if name in view.inputs:
        raise SurgeryError(f"{name!r} is a graph input, not a constant")
    node = view.producers.get(name)
    if node is None:
        raise SurgeryError(f"{name!r} is nowhere in the graph")
    kind = operator(node)
    if kind == "Constant":
        return _constant_node(node)
    if kind not in ARITHMETIC and kind not in SHAPING:
        raise SurgeryError(f"{name!r} is computed in the graph, not a constant")
    if kind == "Shape":
        return _shape(view, node)
    if kind == "CastLike":
        like = view.element_type(node.input[1])
        return value_of(view, node.input[0]).astype(onnx.helper.tensor_dtype_to_np_dtype(like or TensorProto.FLOAT))
    operands = [value_of(view, operand) for operand in node.input]
    with np.errstate(all="ignore"):  # what is not finite is said where the value is used
        return ARITHMETIC[kind](*operands) if kind in ARITHMETIC else _shaped(node, operands)


def constant(view: GraphView, name: str) -> Array:
    """Returns a constant in float64; raises SurgeryError where `value_of` does."""
    return value_of(view, name).astype(np.float64)


def constant_or_none(view: GraphView, name: str) -> Array | None:
    """Returns a constant in float64, None for a value that is no constant."""
    try:
        return constant(view, name)
    except SurgeryError:
        return None


def axes_of(view: GraphView, node: NodeProto) -> list[int] | None:
    """Returns the axes that a Squeeze, Unsqueeze or ReduceMean names: an attribute, since opset 13 or 18 an input."""
    if len(node.input) > 1 and node.input[1]:
        return [int(axis) for axis in value_of(view, node.input[1]).ravel()]
    return integers(node, "axes")


def _array(tensor: TensorProto) -> Value:
    try:
        return numpy_helper.to_array(tensor)
    except (ValueError, TypeError, OverflowError, MemoryError) as error:
        sizes = "x".join(map(str, tensor.dims))
        raise SurgeryError(f"the constant {tensor.name!r} does not hold the {sizes} values it declares") from error


def _constant_node(node: NodeProto) -> Value:
    """Returns what a Constant node says in any of its attributes: value, value_float(s), value_int(s)."""
    if len(node.attribute) == 1 and node.attribute[0].name in ("value", *_NUMBERS):
        value = onnx.helper.get_attribute_value(node.attribute[0])
        return _array(value) if isinstance(value, TensorProto) else np.array(value, _NUMBERS[node.attribute[0].name])
    raise SurgeryError(f"{node.output[0]!r} is a Constant, but no tensor of numbers")


_NUMBERS = {"value_float": np.float32, "value_floats": np.float32, "value_int": np.int64, "value_ints": np.int64}


def _shape(view: GraphView, node: NodeProto) -> Value:
    """Returns the sizes of a value where they are known before the graph runs."""
    dims = view.dims(node.input[0])
    start, end = int(attribute(node, "start", 0)), int(attribute(node, "end", len(dims or ())))
    sizes = [size for size in (dims or ())[start:end] if size is not None]
    if dims is None or len(sizes) != len(dims[start:end]):
        raise SurgeryError(f"{node.output[0]!r} is a shape that is known only when the graph runs, not a constant")
    return np.array(sizes, np.int64)


def _shaped(node: NodeProto, operands: list[Value]) -> Value:
    value = operands[0]
    if node.op_type == "Cast":
        return value.astype(onnx.helper.tensor_dtype_to_np_dtype(int(attribute(node, "to", TensorProto.FLOAT))))
    if node.op_type == "Transpose":
        return value.transpose(integers(node, "perm"))
    try:
        if node.op_type == "Reshape":
            wanted = operands[1].tolist()
            return value.reshape([value.shape[i] if size == 0 else size for i, size in enumerate(wanted)])
        if node.op_type == "Expand":
            shape = np.broadcast_shapes(value.shape, tuple(operands[1].tolist()))
            if math.prod(shape) > LARGEST:
                raise ValueError
            return np.broadcast_to(value, shape)
        axes = operands[1].ravel().tolist() if len(operands) > 1 else integers(node, "axes")
        if node.op_type == "Squeeze":
            return value.squeeze(None if axes is None else tuple(axes))
        return np.expand_dims(value, tuple(axes or ()))
    except (ValueError, IndexError) as error:
        raise SurgeryError(f"{node.output[0]!r} is a {node.op_type} of a constant that does not fit it") from error
