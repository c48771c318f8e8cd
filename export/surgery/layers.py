"""The layer that makes class scores, and how it takes a scale and a shift per class into its own constants.

With y = scale s + shift per class, in float64:
    Gemm    s = alpha A B + beta C      B' = scale B,  C' = scale beta C + shift,  beta' = 1
    MatMul  s = A B                     B' = scale B,  and an Add of shift behind it
    Conv    s = W * x + c               W' = scale W,  c' = scale c + shift
The weights are scaled along the axis of their outputs. The constants a layer had stay for whoever else uses them.
"""

from dataclasses import dataclass

import numpy as np
import onnx
from onnx import ModelProto, NodeProto, TensorProto

from export.errors import SurgeryError
from export.surgery.graph import (
    FLOATS,
    Array,
    GraphView,
    add_constant,
    attribute,
    free_name,
    insert_after,
    operator,
    set_attribute,
)
from export.surgery.nodes import constant, is_constant, value_of

LAYERS = ("Gemm", "MatMul", "Conv")


@dataclass(frozen=True)
class Layer:
    """A layer with constant weights.

    Attributes:
        node: Gemm, MatMul or Conv.
        classes: how many outputs it has.
        axis: of its output, along which they lie.
    """

    node: NodeProto
    classes: int
    axis: int

    @property
    def features(self) -> str:
        """The name of what the layer reads."""
        return str(self.node.input[0])

    @property
    def scores(self) -> str:
        """The name of what the layer makes."""
        return str(self.node.output[0])


def as_layer(view: GraphView, node: NodeProto) -> Layer | None:
    """Returns the layer that a node is, None where it is none.

    Raises:
        SurgeryError: its weights or its bias are no constants, or the rank of its output is not known.
    """
    if operator(node) not in LAYERS:
        return None
    if node.op_type != "Conv" and is_constant(view, node.input[0]) and not is_constant(view, node.input[1]):
        raise SurgeryError(
            f"the {node.op_type} that makes the scores has its constant on the left; weights on the right are needed"
        )
    kind = view.element_type(node.output[0])
    if kind and kind not in FLOATS:
        name = TensorProto.DataType.Name(kind).lower()
        raise SurgeryError(f"the {node.op_type} that makes the scores computes in {name}; float16, 32 or 64 is needed")
    weight = constant(view, node.input[1])
    if weight.ndim < 2:
        raise SurgeryError(f"the {node.op_type} that makes the scores has weights of {weight.ndim} axes, not of two")
    output_axis = _output_axis(node, weight.ndim)
    if len(node.input) > 2 and node.input[2]:
        constant(view, node.input[2])
    if node.op_type != "MatMul":
        return Layer(node, weight.shape[output_axis], 1)
    dims = view.dims(node.output[0])
    if dims is None:
        raise SurgeryError(f"the rank of {node.output[0]!r}, which the last MatMul makes, is not known")
    return Layer(node, weight.shape[output_axis], len(dims) - 1)


def absorb(model: ModelProto, layer: Layer, scale: Array, shift: Array, carrier: NodeProto | None = None) -> None:
    """Gives a layer the outputs scale * s + shift, in place.

    Args:
        model: the graph.
        layer: one of its layers.
        scale: (classes,).
        shift: (classes,).
        carrier: an Add behind a MatMul whose constant is in `shift` already: it gets the new one.
    """
    view, node = GraphView(model), layer.node
    weight = value_of(view, node.input[1])
    axis = _output_axis(node, weight.ndim)
    along = scale.reshape([-1 if i == axis else 1 for i in range(weight.ndim)])
    new_weight = add_constant(model, f"{node.input[1]}.folded", weight.astype(np.float64) * along, weight.dtype)
    if node.op_type == "MatMul":
        node.input[1] = new_weight
        _add_behind(model, layer, add_constant(model, f"{layer.scores}.folded_bias", shift, weight.dtype), carrier)
        return
    new_bias = add_constant(model, f"{layer.scores}.folded_bias", bias_of(view, layer) * scale + shift, weight.dtype)
    if node.op_type == "Gemm":
        set_attribute(node, "beta", 1.0)
    node.input[:] = [node.input[0], new_weight, new_bias]


def make_absolute(model: ModelProto, layer: Layer) -> None:
    """Gives a layer the absolute values of its constants and of what it reads, in place: how large its terms are."""
    view, node = GraphView(model), layer.node
    for i, name in [(1, node.input[1]), *((2, name) for name in node.input[2:3] if name)]:
        value = value_of(view, name)
        node.input[i] = add_constant(model, f"{name}.absolute", np.abs(value.astype(np.float64)), value.dtype)
    if node.op_type == "Gemm":
        for name in ("alpha", "beta"):
            set_attribute(node, name, abs(attribute(node, name, 1.0)))
    absolute = free_name(model, f"{node.input[0]}.absolute")
    model.graph.node.insert(
        list(model.graph.node).index(node), onnx.helper.make_node("Abs", [node.input[0]], [absolute])
    )
    node.input[0] = absolute


def bias_of(view: GraphView, layer: Layer) -> Array:
    """Returns what a layer adds to its products, zeros where it adds nothing."""
    factor = attribute(layer.node, "beta", 1.0) if layer.node.op_type == "Gemm" else 1.0
    has_bias = len(layer.node.input) > 2 and layer.node.input[2] and factor
    return factor * constant(view, layer.node.input[2]) if has_bias else np.zeros(layer.classes)


def _output_axis(node: NodeProto, rank: int) -> int:
    """Returns the axis of a layer's weights along which its outputs lie."""
    if node.op_type == "MatMul":
        return rank - 1
    return 0 if node.op_type == "Conv" or attribute(node, "transB", 0) else 1


def _add_behind(model: ModelProto, layer: Layer, bias: str, carrier: NodeProto | None) -> None:
    if carrier is not None:
        carrier.input[:] = [layer.scores, bias]
        return
    scores, product = layer.scores, free_name(model, f"{layer.scores}.product")
    layer.node.output[0] = product
    name = f"{layer.node.name}.bias" if layer.node.name else ""
    insert_after(model, layer.node, onnx.helper.make_node("Add", [product, bias], [scores], name))
