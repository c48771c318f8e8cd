"""Small changes to an ONNX graph: constants read and added, nodes taken out, what is left over dropped."""

from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt
import onnx
from onnx import GraphProto, ModelProto, NodeProto, TensorProto, numpy_helper

from export.errors import SurgeryError

Array = npt.NDArray[np.float64]
FREE_CONSTANTS = 4  # IR version since which an initializer need not be listed as a graph input


def copy_model(model: ModelProto) -> ModelProto:
    """Returns a model that shares nothing with the given one."""
    new = ModelProto()
    new.CopyFrom(model)
    return new


def take_out(model: ModelProto, nodes: Sequence[NodeProto], before: str) -> None:
    """Takes a chain of nodes out; what used its output uses its input `before`; the name of a graph output stays."""
    graph, after = model.graph, nodes[-1].output[0]
    is_output = graph.output[0].name == after
    for node in nodes:
        graph.node.remove(node)
    for node in graph.node:
        node.input[:] = [before if name == after else name for name in node.input]
        if is_output:
            node.output[:] = [after if name == before else name for name in node.output]


def values(model: ModelProto) -> set[str]:
    """Returns the names of all values that something in the graph uses."""
    return {*_inputs(model.graph), *(value.name for value in model.graph.output)}


def cleaned(model: ModelProto, before: set[str]) -> ModelProto:
    """Drops constants and shapes that were used `before` a change and are no more, and checks the model."""
    graph = model.graph
    while True:
        orphaned = before - values(model)
        constants = [n for n in graph.node if n.op_type in ("Constant", "Identity") and orphaned >= set(n.output)]
        if not constants:
            break
        for node in constants:
            graph.node.remove(node)
    dropped = orphaned & {constant.name for constant in graph.initializer}
    for listed in (graph.initializer, graph.input):  # old files list every constant as an input too
        for unused in [its for its in listed if its.name in dropped]:
            listed.remove(unused)
    made = {name for node in graph.node for name in node.output}
    for info in [v for v in graph.value_info if v.name in orphaned - made]:
        graph.value_info.remove(info)
    onnx.checker.check_model(model, full_check=True)
    return model


def constant(model: ModelProto, name: str) -> Array:
    """Returns an initializer in float64; a graph input without one or a computed value cannot be worked on."""
    if name in {value.name for value in model.graph.input} - {its.name for its in model.graph.initializer}:
        raise SurgeryError(f"{name!r} is a graph input, not a constant")
    return numpy_helper.to_array(tensor(model, name)).astype(np.float64)


def is_constant(model: ModelProto, name: str) -> bool:
    """Whether `constant` finds a value."""
    try:
        constant(model, name)
    except SurgeryError:
        return False
    return True


def tensor(model: ModelProto, name: str) -> TensorProto:
    """Returns the constant of that name: an initializer, a Constant node, or what an Identity passes on."""
    found: TensorProto | None = next((c for c in model.graph.initializer if c.name == name), None)
    if found is not None:
        return found
    node = next((node for node in model.graph.node if name in node.output), None)
    if node is not None and node.op_type == "Identity":
        return tensor(model, node.input[0])
    if node is not None and node.op_type == "Constant":
        value = onnx.helper.get_attribute_value(node.attribute[0])
        if isinstance(value, TensorProto):
            return value
    raise SurgeryError(f"{name!r} is computed in the graph, not a constant")


def add_constant(model: ModelProto, name: str, value: Array, like: str) -> str:
    """Adds an initializer of the type of another under a name that is free, and returns the name."""
    taken = {its.name for its in model.graph.initializer}
    while name in taken:
        name += "_"
    dtype = numpy_helper.to_array(tensor(model, like)).dtype
    new = numpy_helper.from_array(value.astype(dtype), name)
    model.graph.initializer.append(new)
    if model.ir_version < FREE_CONSTANTS:
        model.graph.input.append(onnx.helper.make_tensor_value_info(name, new.data_type, new.dims))
    return name


def uses(model: ModelProto, name: str) -> int:
    """Returns how often a value is an input of a node, also inside If and Loop, or an output of the graph."""
    return [*_inputs(model.graph), *(value.name for value in model.graph.output)].count(name)


def _inputs(graph: GraphProto) -> Iterator[str]:
    for node in graph.node:
        yield from node.input
        for its in node.attribute:
            for inner in (its.g, *its.graphs):
                yield from _inputs(inner)


def attribute(node: NodeProto, name: str, default: float) -> float:
    """Returns a number that a node says, or the operator's default."""
    found = [onnx.helper.get_attribute_value(a) for a in node.attribute if a.name == name]
    return float(found[0]) if found else default


def set_attribute(node: NodeProto, name: str, value: float) -> None:
    """Makes a node say a number."""
    for before in [a for a in node.attribute if a.name == name]:
        node.attribute.remove(before)
    node.attribute.append(onnx.helper.make_attribute(name, value))
