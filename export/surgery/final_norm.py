"""The final batch norm of any ONNX classifier: found, folded into the layer before it, or removed.

Pattern:  [Gemm | MatMul + Add | Conv] -> BatchNormalization -> [Softmax | Sigmoid | nothing] -> graph output
The norm may also be a Mul and an Add of one constant per class, as Keras' converter writes it behind a Dense layer.

With a = scale / sqrt(var + eps) and b = B - a mean (per class, see trainables/final_norm.py), in float64:
    Gemm y = alpha x W + beta c     W' = a W,  c' = a c + b / beta     (W scaled along its output axis)
    MatMul + Add y = x W + c        W' = a W,  c' = a c + b
    Conv y = W * x + c              W' = a W,  c' = a c + b             (W scaled along its first axis)
Everything else in the file stays as it was. Each step answers why it cannot, instead of guessing.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from onnx import ModelProto, NodeProto

from export.errors import SurgeryError
from export.surgery.graph import (
    Array,
    add_constant,
    attribute,
    cleaned,
    constant,
    copy_model,
    is_constant,
    set_attribute,
    take_out,
    uses,
    values,
)

OLDEST_OPSET = 9
OUTPUT_ACTIVATIONS = ("Softmax", "Sigmoid")
LAYERS = ("Gemm", "Add", "Conv")  # Add: after a MatMul


@dataclass(frozen=True)
class FinalNorm:
    """The norm's nodes and the layer before it; a and b (classes,) of its evaluation form y = a s + b."""

    norm: tuple[NodeProto, ...]
    scores: str  # the norm's input
    dense: NodeProto  # Gemm, Conv, or the Add after a MatMul
    scale: Array
    shift: Array


def find(model: ModelProto) -> FinalNorm:
    """Returns the final batch norm of a model; raises SurgeryError with the reason where there is none to work on."""
    opset = max((its.version for its in model.opset_import if its.domain in ("", "ai.onnx")), default=0)
    if opset < OLDEST_OPSET:
        raise SurgeryError(f"got opset {opset}; {OLDEST_OPSET} or newer is needed: BatchNormalization was another then")
    if len(model.graph.output) != 1:
        raise SurgeryError(f"got {len(model.graph.output)} graph outputs; a classifier with one is needed")
    last = _makes_scores(model, ("BatchNormalization", "Add"), "a BatchNormalization before the output")
    if last.op_type == "Add":
        norm, scores, (scale, shift) = _as_mul_and_add(model, last)
    else:
        if attribute(last, "training_mode", 0) or len([name for name in last.output if name]) > 1:
            raise SurgeryError("the final BatchNormalization is in training mode: its output depends on the batch")
        norm, scores = (last,), last.input[0]
        scale, shift = _scale_and_shift(model, last)
    dense = _producers(model).get(scores)
    if dense is None or dense.op_type not in LAYERS:
        there = "a graph input" if dense is None else dense.op_type
        raise SurgeryError(f"before the final BatchNormalization stands {there}; Gemm, MatMul + Add or Conv is needed")
    if uses(model, scores) != 1:
        raise SurgeryError("the scores before the final BatchNormalization are used elsewhere too")
    _check_channels(model, dense, scale)
    return FinalNorm(norm, scores, dense, scale, shift)


def fold(model: ModelProto) -> ModelProto:
    """Returns a copy with the final batch norm inside the layer before it: the same outputs up to rounding."""
    model, before = copy_model(model), values(model)
    found = find(model)
    _absorb(model, found.dense, found.scale, found.shift)
    take_out(model, found.norm, found.scores)
    return cleaned(model, before)


def remove(model: ModelProto) -> ModelProto:
    """Returns a copy without the final batch norm (K21 H1): other outputs, an empirical claim that must be measured."""
    model, before = copy_model(model), values(model)
    found = find(model)
    take_out(model, found.norm, found.scores)
    return cleaned(model, before)


def shift_scores(model: ModelProto, shift: Array) -> ModelProto:
    """Returns a copy whose class scores are higher by `shift` (classes,), in the bias of the layer that makes them."""
    model, before = copy_model(model), values(model)
    _absorb(model, _makes_scores(model, LAYERS, " or ".join(LAYERS)), np.ones_like(shift), shift)
    return cleaned(model, before)


def fuse_inner_norms(model: ModelProto) -> ModelProto:
    """Returns a copy in which every batch norm after a layer, but the final one, is inside that layer.

    What runtimes do when they load a file is in the file then: fewer nodes, and int8 scales that fit the fused layer.
    """
    model, before = copy_model(model), values(model)
    producers = _producers(model)
    last = producers.get(model.graph.output[0].name)
    ends = {name for node in (last,) if node is not None for name in (*node.input, *node.output)}
    for norm in [n for n in model.graph.node if n.op_type == "BatchNormalization" and n.output[0] not in ends]:
        layer = producers.get(norm.input[0])
        if layer is not None and layer.op_type in LAYERS and uses(model, norm.input[0]) == 1:
            try:
                _absorb(model, layer, *_scale_and_shift(model, norm))
            except SurgeryError:
                continue  # not made of constants: it stays
            take_out(model, (norm,), norm.input[0])
    return cleaned(model, before)


def _producers(model: ModelProto) -> dict[str, NodeProto]:
    return {name: node for node in model.graph.node for name in node.output if name}


def _makes_scores(model: ModelProto, allowed: Sequence[str], needed: str) -> NodeProto:
    """Returns the node before the output activation, if there is one; SurgeryError where it is of no allowed type."""
    producers = _producers(model)
    last = producers.get(model.graph.output[0].name)
    if last is not None and last.op_type in OUTPUT_ACTIVATIONS:
        last = producers.get(last.input[0])
    if last is None or last.op_type not in allowed:
        there = "nothing" if last is None else last.op_type
        raise SurgeryError(f"the scores come from {there}; {needed} is needed")
    return last


def _scale_and_shift(model: ModelProto, norm: NodeProto) -> tuple[Array, Array]:
    gamma, beta, mean, var = (constant(model, name) for name in norm.input[1:5])
    scale = gamma / np.sqrt(var + float(attribute(norm, "epsilon", 1e-5)))
    return scale, beta - scale * mean


def _as_mul_and_add(model: ModelProto, add: NodeProto) -> tuple[tuple[NodeProto, ...], str, tuple[Array, Array]]:
    """Returns the two nodes, their input, and what they multiply by and add; SurgeryError where they are no norm."""
    producers = _producers(model)
    for product, shift in (tuple(add.input), tuple(reversed(add.input))):
        multiply = producers.get(product)
        if multiply is None or multiply.op_type != "Mul" or uses(model, product) != 1:
            continue
        for scores, scale in (tuple(multiply.input), tuple(reversed(multiply.input))):
            if scores in producers and is_constant(model, scale) and is_constant(model, shift):
                a, b = constant(model, scale), constant(model, shift)
                if _is_per_class(a, producers[scores]) and _is_per_class(b, producers[scores]):
                    return (multiply, add), scores, (a.ravel(), b.ravel())
    raise SurgeryError("the scores come from Add; a BatchNormalization before the output is needed")


def _is_per_class(value: Array, layer: NodeProto) -> bool:
    """Whether a constant broadcasts along the classes: the last axis of scores, the second of a convolution's."""
    if layer.op_type == "Conv":
        return value.ndim > 2 and value.size == value.shape[-3]
    return value.ndim > 0 and value.size == value.shape[-1]


def _check_channels(model: ModelProto, layer: NodeProto, scale: Array) -> None:
    """Raises SurgeryError where a norm does not stand for the outputs of the layer before it."""
    weight_name = _matmul_and_bias(model, layer)[0].input[1] if layer.op_type == "Add" else layer.input[1]
    weight = constant(model, weight_name)
    axis = 0 if layer.op_type == "Conv" or attribute(layer, "transB", 0) else 1
    if weight.ndim <= axis or weight.shape[axis] != scale.size:
        raise SurgeryError(
            f"the final BatchNormalization has {scale.size} channels, the layer before it weights of "
            f"{'x'.join(map(str, weight.shape))}: they do not stand for the same classes"
        )


def _absorb(model: ModelProto, layer: NodeProto, scale: Array, shift: Array) -> None:
    """Gives a layer the outputs scale * y + shift, in place; the constants it had stay for whoever else uses them."""
    if layer.op_type == "Add":
        matmul, bias_name = _matmul_and_bias(model, layer)
        axis, weight_name, bias = 1, matmul.input[1], constant(model, bias_name)
    else:
        weight_name = layer.input[1]
        factor = float(attribute(layer, "beta", 1.0)) if layer.op_type == "Gemm" else 1.0
        has_bias = len(layer.input) > 2 and layer.input[2] and factor
        bias = factor * constant(model, layer.input[2]) if has_bias else np.zeros_like(scale)
        axis = 0 if layer.op_type == "Conv" or attribute(layer, "transB", 0) else 1
    weight = constant(model, weight_name)
    _check_channels(model, layer, scale)
    shape = [-1 if i == axis else 1 for i in range(weight.ndim)]
    new_weight = add_constant(model, f"{weight_name}.folded", weight * scale.reshape(shape), weight_name)
    new_bias = add_constant(model, f"{layer.output[0]}.folded_bias", bias * scale + shift, weight_name)
    if layer.op_type == "Add":
        matmul.input[1] = new_weight
        layer.input[:] = [matmul.output[0], new_bias]
        return
    if layer.op_type == "Gemm":
        set_attribute(layer, "beta", 1.0)
    layer.input[:] = [layer.input[0], new_weight, new_bias]


def _matmul_and_bias(model: ModelProto, add: NodeProto) -> tuple[NodeProto, str]:
    producers = _producers(model)
    for score, bias in (tuple(add.input), tuple(reversed(add.input))):
        node = producers.get(score)
        if node is not None and node.op_type == "MatMul":
            if uses(model, score) != 1:
                raise SurgeryError("the MatMul before the final BatchNormalization is used elsewhere too")
            return node, bias
    raise SurgeryError("before the final BatchNormalization stands an Add without a MatMul")
