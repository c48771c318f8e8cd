"""What an ONNX graph says of itself, and small changes: a node bypassed, a constant added, leftovers dropped."""

from collections import Counter
from collections.abc import Iterator
from functools import cached_property

import numpy as np
import numpy.typing as npt
import onnx
from onnx import GraphProto, ModelProto, NodeProto, TensorProto, numpy_helper

from export.errors import SurgeryError

Array = npt.NDArray[np.float64]
Dims = tuple[int | None, ...]  # None: a size that is only known when the graph runs
FREE_CONSTANTS = 4  # IR version since which an initializer need not be listed as a graph input
STANDARD_DOMAINS = ("", "ai.onnx")
BITS: dict[int, int] = {
    TensorProto.FLOAT16: 16,
    TensorProto.FLOAT: 32,
    TensorProto.DOUBLE: 64,
}  # types that layers can compute in
FLOATS = tuple(BITS)


class GraphView:
    """Looks things up in a model that does not change meanwhile: who makes a value, who reads it, its shape."""

    def __init__(self, model: ModelProto) -> None:
        self.model = model
        self.producers = {name: node for node in model.graph.node for name in node.output if name}
        self.initializers = {tensor.name: tensor for tensor in model.graph.initializer}
        self.inputs = {value.name for value in model.graph.input} - self.initializers.keys()
        self.uses = Counter(_all_uses(model.graph))
        self.shape_uses = Counter(name for node in model.graph.node for name in read_for_shape(node))

    @cached_property
    def _inferred(self) -> dict[str, onnx.TypeProto.Tensor]:
        try:
            model = onnx.shape_inference.infer_shapes(self.model, data_prop=True)
        except Exception:  # a graph that shape inference cannot take has unknown shapes
            model = self.model
        values = (*model.graph.input, *model.graph.value_info, *model.graph.output)
        return {value.name: value.type.tensor_type for value in values if value.type.HasField("tensor_type")}

    def dims(self, name: str) -> Dims | None:
        """Returns the sizes of a value's axes, None where not even their number is known."""
        tensor_type = self._inferred.get(name)
        if tensor_type is None or not tensor_type.HasField("shape"):
            return None
        return tuple(dim.dim_value if dim.HasField("dim_value") else None for dim in tensor_type.shape.dim)

    def element_type(self, name: str) -> int:
        """Returns the onnx.TensorProto type of a value, 0 where it is not known."""
        tensor_type = self._inferred.get(name)
        return 0 if tensor_type is None else int(tensor_type.elem_type)


def copy_model(model: ModelProto) -> ModelProto:
    """Returns a model that shares nothing with the given one."""
    new = ModelProto()
    new.CopyFrom(model)
    return new


def operator(node: NodeProto) -> str:
    """Returns the name of a standard operator; one of another domain has its domain before it."""
    return str(node.op_type) if node.domain in STANDARD_DOMAINS else f"{node.domain}.{node.op_type}"


def opset(model: ModelProto) -> int:
    """Returns the version of the standard operators."""
    return max((entry.version for entry in model.opset_import if entry.domain in STANDARD_DOMAINS), default=0)


def attribute(node: NodeProto, name: str, default: float) -> float:
    """Returns a number that a node says, or the operator's default; ONNX holds both in float32."""
    values = [onnx.helper.get_attribute_value(a) for a in node.attribute if a.name == name]
    return float(np.float32(values[0] if values else default))


def integers(node: NodeProto, name: str) -> list[int] | None:
    """Returns a list of integers that a node says, None where it says none."""
    return next((list(a.ints) for a in node.attribute if a.name == name), None)


def set_attribute(node: NodeProto, name: str, value: float) -> None:
    """Makes a node say a number."""
    for before in [a for a in node.attribute if a.name == name]:
        node.attribute.remove(before)
    node.attribute.append(onnx.helper.make_attribute(name, value))


def bypass(model: ModelProto, node: NodeProto, data: str) -> None:
    """Takes a node out: what made its input `data` makes its output now.

    The readers of the output, also inside If and Loop, and graph outputs keep its name and stay byte for byte. Nothing
    else may read the values of `data`; what reads its shape or type alone reads them of the output.
    """
    producer = next(other for other in model.graph.node if data in other.output)
    model.graph.node.remove(node)
    for reader in model.graph.node:
        reader.input[:] = [node.output[0] if name == data else name for name in reader.input]
    producer.output[:] = [node.output[0] if name == data else name for name in producer.output]


def insert_after(model: ModelProto, node: NodeProto, new: NodeProto) -> None:
    """Puts a new node behind another in the list of nodes."""
    model.graph.node.insert(list(model.graph.node).index(node) + 1, new)


def free_name(model: ModelProto, name: str) -> str:
    """Returns the name, longer by underscores where a value has it already."""
    taken = {*_all_names(model.graph)}
    while name in taken:
        name += "_"
    return name


def add_constant(model: ModelProto, name: str, value: Array, dtype: npt.DTypeLike) -> str:
    """Adds an initializer under a free name and returns the name; SurgeryError where the type cannot hold it."""
    name = free_name(model, name)
    with np.errstate(over="ignore"):
        converted = value.astype(dtype)
    if not np.isfinite(converted).all():
        if not np.isfinite(value).all():
            raise SurgeryError("the constants of the layer and its norm hold or give NaN or infinity")
        raise SurgeryError(f"the folded constants overflow {np.dtype(dtype)} (largest: {np.abs(value).max():.3g})")
    new = numpy_helper.from_array(converted, name)
    model.graph.initializer.append(new)
    if model.ir_version < FREE_CONSTANTS:
        model.graph.input.append(onnx.helper.make_tensor_value_info(name, new.data_type, new.dims))
    return name


def values(model: ModelProto) -> set[str]:
    """Returns the names of all values that something in the graph uses."""
    return set(_all_uses(model.graph))


def cleaned(model: ModelProto, before: set[str]) -> ModelProto:
    """Drops what was used `before` a change and is no more, constants and nodes, and checks the model."""
    graph = model.graph
    while True:
        orphaned = before - values(model)
        nodes = [node for node in graph.node if node.output and orphaned >= {name for name in node.output if name}]
        if not nodes:
            break
        for node in nodes:
            graph.node.remove(node)
    dropped = orphaned & {tensor.name for tensor in graph.initializer}
    for listed in (graph.initializer, graph.input):  # old files list every constant as an input too
        for unused in [item for item in listed if item.name in dropped]:
            listed.remove(unused)
    made = {name for node in graph.node for name in node.output}
    for info in [value for value in graph.value_info if value.name in before - made - values(model)]:
        graph.value_info.remove(info)
    onnx.checker.check_model(model, full_check=True)
    return model


def sort_nodes(model: ModelProto) -> None:
    """Puts every node behind those that it reads from, as ONNX asks; onnxruntime's fp16 converter does not always."""
    producers = {name: i for i, node in enumerate(model.graph.node) for name in node.output if name}
    nodes = list(model.graph.node)
    ordered: list[NodeProto] = []
    state: dict[int, bool] = {}  # False while what a node reads from is placed, True once it is placed itself
    for start in range(len(nodes)):
        stack = [start]
        while stack:
            i = stack[-1]
            if i not in state:
                state[i] = False
                needs = [producers[name] for name in node_uses(nodes[i]) if name in producers]
                stack += [k for k in needs if k not in state]
                continue
            stack.pop()
            if not state[i]:
                state[i] = True
                ordered.append(nodes[i])
    if ordered != nodes:
        copies = [onnx.NodeProto.FromString(node.SerializeToString()) for node in ordered]
        del model.graph.node[:]
        model.graph.node.extend(copies)


def node_uses(node: NodeProto) -> Iterator[str]:
    """Yields the values that a node reads, also inside the graphs of If and Loop."""
    yield from node.input
    for item in node.attribute:
        for inner in (item.g, *item.graphs):
            yield from _all_uses(inner)


def read_for_shape(node: NodeProto) -> list[str]:
    """Returns the values of which a node reads the shape or the type alone."""
    if operator(node) == "CastLike":
        return list(node.input[1:])
    return list(node.input) if operator(node) in ("Shape", "Size") else []


def _all_uses(graph: GraphProto) -> Iterator[str]:
    for node in graph.node:
        yield from node_uses(node)
    yield from (value.name for value in graph.output)


def _all_names(graph: GraphProto) -> Iterator[str]:
    yield from (item.name for listed in (graph.initializer, graph.input, graph.output) for item in listed)
    for node in graph.node:
        yield from (*node.input, *node.output)
        for item in node.attribute:
            for inner in (item.g, *item.graphs):
                yield from _all_names(inner)
