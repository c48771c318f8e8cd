"""What one node between a layer and the output does: it moves values, or it scales and shifts them by constants.

Moving nodes (Reshape, Transpose, Flatten, ...) leave values as they are, or take their mean over places. Which axis
holds the classes is followed through them.

Affine nodes compute y = a x + b with constants along one axis. BatchNormalization of the standard domain in inference
mode normalises axis 1:
    a = scale / sqrt(var + eps),  b = B - a mean          (see trainables/final_norm/algebra.py)
Exporters also write it as Mul, Add, Sub and Div by constants that broadcast along one axis. A constant is an
initializer, a Constant node, or arithmetic on those.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
from onnx import NodeProto, TensorProto, numpy_helper

from export.errors import SurgeryError
from export.surgery.graph import FLOATS, Array, Dims, GraphView, attribute, integers, operator

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
UNCHANGED = ("Cast", "Dropout", "Identity")
MEANS = ("GlobalAveragePool", "ReduceMean")  # of a x + b over places: a mean(x) + b
MOVING = (*UNCHANGED, *MEANS, "Flatten", "Reshape", "Squeeze", "Transpose", "Unsqueeze")
CHANNELS = 1  # the axis of channels, of BatchNormalization, Conv and GlobalAveragePool
NORM = "BatchNormalization"
PARTS = ("Add", "Div", "Mul", "Sub")


@dataclass(frozen=True)
class Affine:
    """One node with y = scale x + shift.

    Attributes:
        node: the node.
        data: the name of x.
        scale, shift: one value per channel; a single one where all channels share it.
        axis: of x, along which they lie; None for a single value.
        terms: the sizes of what `shift` is the sum of: mean and B may cancel there, but not while the node computes.
    """

    node: NodeProto
    data: str
    scale: Array
    shift: Array
    axis: int | None
    terms: Array

    @property
    def is_norm(self) -> bool:
        """Whether this is a whole BatchNormalization."""
        return operator(self.node) == NORM

    @property
    def multiplies(self) -> bool:
        """Whether this scales."""
        return operator(self.node) in (NORM, "Div", "Mul")

    @property
    def adds(self) -> bool:
        """Whether this shifts."""
        return operator(self.node) in (NORM, "Add", "Sub")


def as_affine(view: GraphView, node: NodeProto) -> Affine | None:
    """Returns what a node multiplies by and adds, None where it does something else.

    Raises:
        SurgeryError: a BatchNormalization in training mode, with computed parameters, or with a negative variance.
    """
    if operator(node) == NORM:
        return _batch_norm(view, node)
    if operator(node) not in PARTS or len(node.input) != 2:
        return None
    constants = [constant_or_none(view, name) for name in node.input]
    if (constants[0] is None) == (constants[1] is None):
        return None
    first = constants[0] is not None  # constant - x, constant / x
    value, data = (constants[0], node.input[1]) if first else (constants[1], node.input[0])
    assert value is not None
    placed = _channel_axis(view, data, value)
    if placed is None or (first and operator(node) == "Div"):
        return None
    axis, flat = placed
    with np.errstate(all="ignore"):
        scale, shift = {
            "Add": (np.ones_like(flat), flat),
            "Div": (1 / flat, np.zeros_like(flat)),
            "Mul": (flat, np.zeros_like(flat)),
            "Sub": (np.full_like(flat, -1), flat) if first else (np.ones_like(flat), -flat),
        }[operator(node)]
    return Affine(node, data, scale, shift, axis, np.abs(shift))


def is_moving(view: GraphView, node: NodeProto) -> bool:
    """Whether a node only moves floating-point values, or takes their mean: scaling before or behind it is the same."""
    if operator(node) == "Dropout" and len(node.input) > 2 and node.input[2]:
        training = constant_or_none(view, node.input[2])
        return training is not None and not training.any()
    if operator(node) == "Cast":
        return int(attribute(node, "to", 0)) in FLOATS
    return operator(node) in MOVING


def axis_behind(view: GraphView, node: NodeProto, axis: int) -> int:
    """Returns which axis of a moving node's output is that axis of its input.

    Raises:
        SurgeryError: the axis is averaged or squeezed away, or the shapes are not known well enough to follow it.
    """
    before, behind = view.dims(node.input[0]), view.dims(node.output[0])
    kind = operator(node)
    if kind in UNCHANGED:
        return axis
    if kind == "GlobalAveragePool":
        if axis == CHANNELS:
            return axis
        raise SurgeryError("a GlobalAveragePool takes the mean over the classes")
    if before is None:
        raise SurgeryError(f"the shape before {kind} ({node.input[0]!r}) is not known")
    if kind == "Transpose":
        return (integers(node, "perm") or list(range(len(before)))[::-1]).index(axis)
    if kind in ("Flatten", "Reshape"):
        return _axis_in_new_shape(kind, before, behind, axis)
    axes = axes_of(view, node)
    if kind == "Unsqueeze":
        rank = len(before) + len(axes or ())
        return [i for i in range(rank) if i not in {a % rank for a in axes or ()}][axis]
    if axes is None:  # all axes of size 1, or the mean over all axes
        if kind == "ReduceMean" or None in before:
            raise SurgeryError(f"a {kind} does not name its axes")
        axes = [i for i, size in enumerate(before) if size == 1]
    gone = {a % len(before) for a in axes}
    if axis in gone:
        raise SurgeryError(f"a {kind} takes the axis of the classes away")
    keeps = kind == "ReduceMean" and attribute(node, "keepdims", 1)
    return axis if keeps else axis - sum(a < axis for a in gone)


def _batch_norm(view: GraphView, node: NodeProto) -> Affine:
    if attribute(node, "training_mode", 0) or len([name for name in node.output if name]) > 1:
        raise SurgeryError("the final BatchNormalization is in training mode: its output depends on the batch")
    gamma, beta, mean, var = (constant(view, name).ravel() for name in node.input[1:5])
    if not len(gamma) == len(beta) == len(mean) == len(var):
        raise SurgeryError("the final BatchNormalization has constants of different lengths")
    spread = var + attribute(node, "epsilon", 1e-5)
    if (spread <= 0).any():
        raise SurgeryError(
            f"the final BatchNormalization has a variance of {var.min():.3g}: the original itself gives NaN or infinity"
        )
    scale = gamma / np.sqrt(spread)
    return Affine(node, node.input[0], scale, beta - scale * mean, CHANNELS, np.abs(beta) + np.abs(scale * mean))


def _channel_axis(view: GraphView, data: str, value: Array) -> tuple[int | None, Array] | None:
    """Returns along which axis of `data` a constant lies, and its values; None where it is not along one axis alone."""
    dims = view.dims(data)
    long = [i for i, size in enumerate(value.shape) if size != 1]
    if dims is None or value.ndim > len(dims) or len(long) > 1:
        return None
    return (len(dims) - value.ndim + long[0] if long else None), value.ravel()


def _axis_in_new_shape(kind: str, before: Dims, behind: Dims | None, axis: int) -> int:
    """Returns the axis that has the same size and as many values behind it: values keep their order in memory."""
    size, inner = before[axis], _product(before[axis + 1 :])
    if behind is not None and size is not None and inner is not None:
        for i in reversed(range(len(behind))):
            if behind[i] == size and _product(behind[i + 1 :]) == inner:
                return i
    raise SurgeryError(f"which axis holds the classes behind a {kind} cannot be seen")


def _product(sizes: Dims) -> int | None:
    known = [size for size in sizes if size is not None]
    return math.prod(known) if len(known) == len(sizes) else None


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


def is_constant(view: GraphView, name: str) -> bool:
    """Whether a value is a constant that can be read."""
    return constant_or_none(view, name) is not None


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
