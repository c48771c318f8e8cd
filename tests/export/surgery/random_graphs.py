"""Random classifiers in every supported shape, each with its final norm, and wrong folds of them."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
from onnx import NodeProto, helper, numpy_helper

from export.surgery.changes import fold
from export.surgery.final_norm import find
from export.surgery.graph import set_attribute

LAYERS = ("gemm", "matmul", "matmul add", "conv", "conv and mean", "dense of a series", "unsqueezed")
NORMS = ("whole", "mul add", "sub div mul add", "reciprocal")
ENDS = ("Softmax", "Sigmoid", "LogSoftmax", "Identity", "Cast", "ArgMax")
WRONG = ("weight of a class", "one weight", "shift of a class", "classes exchanged", "epsilon", "shift forgotten")
Array = npt.NDArray[np.float64]


@dataclass
class Builder:
    """Collects nodes and constants of a graph."""

    rng: np.random.Generator
    nodes: list[NodeProto] = field(default_factory=list)
    constants: dict[str, npt.NDArray[Any]] = field(default_factory=dict)

    def constant(self, value: Array) -> str:
        """Returns the name of a new constant."""
        name = f"c{len(self.constants)}"
        self.constants[name] = np.asarray(value, np.float32)
        return name

    def node(self, kind: str, *inputs: str, **attributes: Any) -> str:
        """Returns the name of what a new node makes."""
        name = f"v{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, list(inputs), [name], **attributes))
        return name


def random_model(rng: np.random.Generator) -> onnx.ModelProto:
    """Returns a classifier with a random layer, norm and end, and random sizes and constants."""
    build, classes, features = Builder(rng), int(rng.integers(2, 7)), int(rng.integers(2, 40))
    layer, norm, end = (str(rng.choice(kinds)) for kinds in (LAYERS, NORMS, ENDS))
    value, shape, axis, rank = _layer(build, layer, features, classes)
    value = _norm(build, norm, value, classes, axis, rank)
    if layer == "unsqueezed":
        value = build.node("Squeeze", value, build.constant(np.array([2])))
        build.constants[build.nodes[-1].input[1]] = np.array([2])
    if layer == "conv" and rng.random() < 0.5:
        value = build.node("Flatten", build.node("GlobalAveragePool", value))
    _end(build, end, value)
    build.nodes[-1].output[0] = "y"
    kind = {"Cast": onnx.TensorProto.DOUBLE, "ArgMax": onnx.TensorProto.INT64}.get(end, onnx.TensorProto.FLOAT)
    tensors = [numpy_helper.from_array(value, name) for name, value in build.constants.items()]
    x = helper.make_tensor_value_info("x", onnx.TensorProto.FLOAT, ["n", *shape])
    y = helper.make_tensor_value_info("y", kind, None)
    graph = helper.make_graph(build.nodes, f"{layer}, {norm}, {end}", [x], [y], tensors)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=8)
    model = onnx.shape_inference.infer_shapes(model, strict_mode=True)
    if rng.random() < 0.5:
        del model.graph.value_info[:]
    return model


def wrong_fold(model: onnx.ModelProto, kind: str, rng: np.random.Generator) -> onnx.ModelProto:
    """Returns a fold that is wrong in one way by a random amount: between a tenth of a percent and all."""
    changed, final = fold(model), find(model)
    if kind == "epsilon":
        spoiled = onnx.ModelProto.FromString(model.SerializeToString())
        for node in spoiled.graph.node:
            if node.op_type == "BatchNormalization":
                set_attribute(node, "epsilon", float(10 ** rng.uniform(-3, 0)))
        return fold(spoiled)
    weight, bias = (
        next(tensor for tensor in changed.graph.initializer if tensor.name.rstrip("_").endswith(ending))
        for ending in (".folded", ".folded_bias")
    )
    w, b = (numpy_helper.to_array(tensor).astype(np.float64) for tensor in (weight, bias))
    axis = _output_axis(final.layer.node)
    w = np.moveaxis(w, axis, 0).copy()
    k, amount = int(rng.integers(len(w))), float(10 ** rng.uniform(-3, 0) * rng.choice([-1, 1]))
    if kind == "weight of a class":
        w[k] *= 1 + amount
    elif kind == "one weight":
        w[k].flat[int(rng.integers(w[k].size))] *= 1 + amount
    elif kind == "shift of a class":
        b.reshape(-1, len(w))[:, k] += amount * max(1.0, float(np.abs(b).max()))
    elif kind == "classes exchanged":
        w[[0, k]], b[..., [0, k]] = w[[k, 0]], b[..., [k, 0]]
    elif kind == "shift forgotten":
        b[:] = 0
    for tensor, value in ((weight, np.moveaxis(w, 0, axis)), (bias, b)):
        tensor.CopyFrom(numpy_helper.from_array(value.astype(np.float32), tensor.name))
    return changed


def _output_axis(layer: NodeProto) -> int:
    trans_b = any(a.name == "transB" and a.i for a in layer.attribute)
    return 0 if layer.op_type == "Conv" or trans_b else 1


def _layer(build: Builder, layer: str, features: int, classes: int) -> tuple[str, tuple[int, ...], int, int]:
    """Returns the scores' name, the shape of one input, and the scores' axis of classes and rank."""
    rng = build.rng
    weight = rng.normal(size=(features, classes)) * 10 ** rng.uniform(-1, 0.5)
    bias = rng.normal(size=classes) * 10 ** rng.uniform(-1, 1)
    if layer in ("gemm", "unsqueezed"):
        trans_b = int(rng.integers(2))
        attributes = {"transB": trans_b, "alpha": float(rng.uniform(0.5, 2)), "beta": float(rng.uniform(0.5, 2))}
        inputs = [build.constant(weight.T if trans_b else weight), *[build.constant(bias)] * int(rng.integers(2))]
        value = build.node("Gemm", "x", *inputs, **attributes)
        if layer == "unsqueezed":
            build.constants["axis"] = np.array([2])
            return build.node("Unsqueeze", value, "axis"), (features,), 1, 3
        return value, (features,), 1, 2
    if layer.startswith("conv"):
        size, channels = int(rng.choice([1, 3])), 1 + features % 5
        kernel = rng.normal(size=(classes, channels, size, size))
        inputs = [build.constant(kernel), *[build.constant(bias)] * int(rng.integers(2))]
        value = build.node("Conv", "x", *inputs, pads=[size // 2] * 4)
        if layer == "conv":
            return value, (channels, 6, 5), 1, 4
        return build.node("Flatten", build.node("GlobalAveragePool", value)), (channels, 6, 5), 1, 2
    shape = (3, features) if layer == "dense of a series" else (features,)
    value = build.node("MatMul", "x", build.constant(weight))
    if layer != "matmul":
        pair = [value, build.constant(bias)]
        value = build.node("Add", *(pair if rng.random() < 0.5 else pair[::-1]))
    return value, shape, len(shape), len(shape) + 1


def _norm(build: Builder, norm: str, value: str, classes: int, axis: int, rank: int) -> str:
    rng = build.rng
    gamma, beta, mean = (rng.normal(size=classes) * 2 for _ in range(3))
    var, epsilon = rng.uniform(0.05, 4, size=classes), float(10 ** rng.uniform(-7, -3))
    spread = np.sqrt(var + epsilon)

    def along(values: Array) -> str:
        return build.constant(values.reshape([-1] + [1] * (rank - 1 - axis)))

    if norm == "whole" and axis == 1:
        names = [build.constant(values) for values in (gamma, beta, mean, var)]
        return build.node("BatchNormalization", value, *names, epsilon=epsilon)
    if norm == "mul add" or norm == "whole":
        return build.node("Add", build.node("Mul", value, along(gamma / spread)), along(beta - mean * gamma / spread))
    if norm == "sub div mul add":
        value = build.node("Div", build.node("Sub", value, along(mean)), along(spread))
        return build.node("Add", along(beta), build.node("Mul", along(gamma), value))
    one = build.constant(np.array(epsilon))
    inverse = build.node("Reciprocal", build.node("Sqrt", build.node("Add", along(var), one)))
    scale = build.node("Mul", inverse, along(gamma))
    shift = build.node("Sub", along(beta), build.node("Mul", along(mean), scale))
    return build.node("Add", build.node("Mul", value, scale), shift)


def _end(build: Builder, end: str, value: str) -> None:
    if end == "Cast":
        build.node("Cast", build.node("Softmax", value, axis=1), to=onnx.TensorProto.DOUBLE)
    elif end == "ArgMax":
        build.node("ArgMax", value, axis=1)
    elif end in ("Softmax", "LogSoftmax"):
        build.node(end, value, axis=1)
    else:
        build.node(end, value)
