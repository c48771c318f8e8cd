"""The final batch norm of any ONNX classifier: found, folded into the layer before it, or removed.

Pattern:  [Gemm | MatMul + Add | Conv] -> BatchNormalization -> [Softmax | Sigmoid | nothing] -> graph output

With a = scale / sqrt(var + eps) and b = B - a mean (per class, see trainables/final_norm.py), in float64:
    Gemm y = alpha x W + beta c     W' = a W,  c' = a c + b / beta     (W scaled along its output axis)
    MatMul + Add y = x W + c        W' = a W,  c' = a c + b
    Conv y = W * x + c              W' = a W,  c' = a c + b             (W scaled along its first axis)
Everything else in the file stays as it was. Each step answers why it cannot, instead of guessing.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import onnx
from onnx import ModelProto, NodeProto, TensorProto, numpy_helper

from trainables.errors import StudyError

Array = npt.NDArray[np.float64]
OLDEST_OPSET = 9
OUTPUT_ACTIVATIONS = ("Softmax", "Sigmoid")


class SurgeryError(StudyError):
    """The graph has no final batch norm that can be folded or removed; says why."""


@dataclass(frozen=True)
class FinalNorm:
    """The norm and the layer before it; a and b (classes,) of its evaluation form y = a s + b."""

    norm: NodeProto
    dense: NodeProto  # Gemm, Conv, or the Add after a MatMul
    scale: Array
    shift: Array


def find(model: ModelProto) -> FinalNorm:
    """Returns the final batch norm of a model; raises SurgeryError with the reason where there is none to work on."""
    opset = max((its.version for its in model.opset_import if its.domain in ("", "ai.onnx")), default=0)
    if opset < OLDEST_OPSET:
        raise SurgeryError(f"got opset {opset}; {OLDEST_OPSET} or newer is needed: BatchNormalization was another then")
    graph = model.graph
    producers = {name: node for node in graph.node for name in node.output if name}
    if len(graph.output) != 1:
        raise SurgeryError(f"got {len(graph.output)} graph outputs; a classifier with one is needed")
    last = producers.get(graph.output[0].name)
    if last is not None and last.op_type in OUTPUT_ACTIVATIONS:
        last = producers.get(last.input[0])
    if last is None or last.op_type != "BatchNormalization":
        there = "nothing" if last is None else last.op_type
        raise SurgeryError(f"the scores come from {there}; a BatchNormalization before the output is needed")
    if _attribute(last, "training_mode", 0) or len([name for name in last.output if name]) > 1:
        raise SurgeryError("the final BatchNormalization is in training mode: its output depends on the batch")
    dense = producers.get(last.input[0])
    if dense is None or dense.op_type not in ("Gemm", "Add", "Conv"):
        there = "a graph input" if dense is None else dense.op_type
        raise SurgeryError(f"before the final BatchNormalization stands {there}; Gemm, MatMul + Add or Conv is needed")
    if _uses(model, last.input[0]) != 1:
        raise SurgeryError("the scores before the final BatchNormalization are used elsewhere too")
    gamma, beta, mean, var = (_constant(model, name) for name in last.input[1:5])
    scale = gamma / np.sqrt(var + float(_attribute(last, "epsilon", 1e-5)))
    return FinalNorm(last, dense, scale, beta - scale * mean)


def fold(model: ModelProto) -> ModelProto:
    """Returns a copy with the final batch norm inside the layer before it: the same outputs up to rounding."""
    model = copy(model)
    found = find(model)
    dense, scale, shift = found.dense, found.scale, found.shift
    if dense.op_type == "Gemm":
        axis = 0 if _attribute(dense, "transB", 0) else 1
        beta = float(_attribute(dense, "beta", 1.0))
        has_bias = len(dense.input) > 2 and dense.input[2] and beta
        bias = beta * _constant(model, dense.input[2]) if has_bias else np.zeros_like(scale)
        weight_name, inputs = dense.input[1], list(dense.input[:2])
        _set_attribute(dense, "beta", 1.0)
    elif dense.op_type == "Add":
        matmul, bias_name = _matmul_and_bias(model, dense)
        axis, weight_name, bias = 1, matmul.input[1], _constant(model, bias_name)
        inputs = [matmul.output[0]]
    if dense.op_type == "Conv":
        bias = _constant(model, dense.input[2]) if len(dense.input) > 2 and dense.input[2] else np.zeros_like(scale)
        axis, weight_name, inputs = 0, dense.input[1], list(dense.input[:2])
    weight = _constant(model, weight_name)
    shape = [-1 if i == axis else 1 for i in range(weight.ndim)]
    new_weight = _add_constant(model, f"{weight_name}.folded", weight * scale.reshape(shape), weight_name)
    new_bias = _add_constant(model, f"{found.norm.name or 'final_norm'}.folded_bias", bias * scale + shift, weight_name)
    if dense.op_type in ("Gemm", "Conv"):
        dense.input[:] = [inputs[0], new_weight, new_bias]
    else:
        matmul.input[1] = new_weight
        dense.input[:] = [*inputs, new_bias]
    return _without(model, found.norm)


def remove(model: ModelProto) -> ModelProto:
    """Returns a copy without the final batch norm (K21 H1): other outputs, an empirical claim that must be measured."""
    model = copy(model)
    return _without(model, find(model).norm)


def copy(model: ModelProto) -> ModelProto:
    """Returns a model that shares nothing with the given one."""
    new = ModelProto()
    new.CopyFrom(model)
    return new


def _without(model: ModelProto, norm: NodeProto) -> ModelProto:
    """Takes the norm out, keeps the name of a graph output, drops constants that nothing uses any more."""
    graph, before, after = model.graph, norm.input[0], norm.output[0]
    is_output = graph.output[0].name == after
    graph.node.remove(norm)
    for node in graph.node:
        node.input[:] = [before if name == after else name for name in node.input]
        if is_output:
            node.output[:] = [after if name == before else name for name in node.output]
    used = {name for node in graph.node for name in node.input} | {value.name for value in graph.output}
    for constant in [c for c in graph.initializer if c.name not in used]:
        graph.initializer.remove(constant)
    for node in [n for n in graph.node if n.op_type in ("Constant", "Identity") and not used & set(n.output)]:
        graph.node.remove(node)
    known = {name for node in graph.node for name in node.output}
    for info in [v for v in graph.value_info if v.name not in known]:
        graph.value_info.remove(info)
    onnx.checker.check_model(model, full_check=True)
    return model


def _matmul_and_bias(model: ModelProto, add: NodeProto) -> tuple[NodeProto, str]:
    producers = {name: node for node in model.graph.node for name in node.output}
    for score, bias in (tuple(add.input), tuple(reversed(add.input))):
        node = producers.get(score)
        if node is not None and node.op_type == "MatMul":
            if _uses(model, score) != 1:
                raise SurgeryError("the MatMul before the final BatchNormalization is used elsewhere too")
            return node, bias
    raise SurgeryError("before the final BatchNormalization stands an Add without a MatMul")


def _constant(model: ModelProto, name: str) -> Array:
    """Returns an initializer in float64; a graph input or a computed value cannot be worked on."""
    if name in {value.name for value in model.graph.input}:
        raise SurgeryError(f"{name!r} is a graph input, not a constant")
    return numpy_helper.to_array(_tensor(model, name)).astype(np.float64)


def _tensor(model: ModelProto, name: str) -> TensorProto:
    """Returns the constant of that name: an initializer, a Constant node, or what an Identity passes on."""
    found: TensorProto | None = next((c for c in model.graph.initializer if c.name == name), None)
    if found is not None:
        return found
    node = next((node for node in model.graph.node if name in node.output), None)
    if node is not None and node.op_type == "Identity":
        return _tensor(model, node.input[0])
    if node is not None and node.op_type == "Constant":
        value = onnx.helper.get_attribute_value(node.attribute[0])
        if isinstance(value, TensorProto):
            return value
    raise SurgeryError(f"{name!r} is computed in the graph, not a constant")


def _add_constant(model: ModelProto, name: str, value: Array, like: str) -> str:
    dtype = numpy_helper.to_array(_tensor(model, like)).dtype
    model.graph.initializer.append(numpy_helper.from_array(value.astype(dtype), name))
    return name


def _uses(model: ModelProto, name: str) -> int:
    outputs = [value.name for value in model.graph.output]
    return sum(list(node.input).count(name) for node in model.graph.node) + outputs.count(name)


def _attribute(node: NodeProto, name: str, default: float) -> float:
    found = [onnx.helper.get_attribute_value(a) for a in node.attribute if a.name == name]
    return float(found[0]) if found else default


def _set_attribute(node: NodeProto, name: str, value: float) -> None:
    for attribute in [a for a in node.attribute if a.name == name]:
        node.attribute.remove(attribute)
    node.attribute.append(onnx.helper.make_attribute(name, value))
