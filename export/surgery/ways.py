"""The way from the last layer's input to the norm's output: cut out, run alone, with the sizes of its terms.

FEATURES is the name that the last layer's input has in a graph that was cut out.
"""

import os
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
import onnxruntime as ort
from onnx import ModelProto, NodeProto, TensorProto

from export.errors import SurgeryError
from export.surgery.final_norm import FinalNorm
from export.surgery.graph import GraphView, attribute, copy_model, node_uses
from export.surgery.layers import absorb, make_absolute
from export.surgery.nodes import Affine, constant
from export.surgery.trial_inputs import SCALES, Feeds
from trainables.common import first_line

Value = npt.NDArray[Any]
FEATURES = "features of the last layer"
FEATURE_ROWS = 64  # random features at each scale, at least
MOST_FAVOURED = 64  # classes that get features of their own
SMALL = 4 * 2**20  # bytes of a graph that one thread is enough for
MOST_THREADS = 8  # each takes address space
TINY = 1e-30  # keeps what is zero from being divided by


class Runner:
    """A graph in onnxruntime, as it stands: without optimisation, on the CPU."""

    def __init__(self, model: ModelProto, names: Sequence[str]) -> None:
        """Makes the named values outputs; raises SurgeryError where onnxruntime cannot load the graph."""
        shown = copy_model(model)
        outputs = {value.name for value in shown.graph.output}
        missing = [name for name in dict.fromkeys(names) if name not in outputs]
        shown.graph.output.extend(onnx.ValueInfoProto(name=name) for name in missing)
        options = ort.SessionOptions()
        options.log_severity_level = 4  # a size that does not fit is an answer here
        options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
        self.names = list(names)
        try:
            content = shown.SerializeToString()
            options.intra_op_num_threads = 1 if len(content) < SMALL else min(os.cpu_count() or 1, MOST_THREADS)
            self.session = ort.InferenceSession(content, options, providers=["CPUExecutionProvider"])
        except Exception as error:  # onnxruntime raises its own kinds
            raise SurgeryError(f"onnxruntime cannot load the graph: {first_line(error)}") from error
        self.inputs = {value.name for value in self.session.get_inputs()}

    def run(self, feeds: Feeds) -> list[Value]:
        """Returns the named values; raises SurgeryError where the graph does not run."""
        try:
            asked = {name: value for name, value in feeds.items() if name in self.inputs}
            values = dict(zip(dict.fromkeys(self.names), self.session.run(list(dict.fromkeys(self.names)), asked),
                              strict=True))  # fmt: skip
        except Exception as error:
            raise SurgeryError(f"onnxruntime cannot run the graph: {first_line(error)}") from error
        return [np.asarray(values[name]) for name in self.names]

    def refusal(self, feeds: Feeds) -> str:
        """Returns why the graph does not run on some inputs, "" where it does."""
        try:
            self.run(feeds)
        except SurgeryError as error:
            return str(error)
        return ""


def way_nodes(model: ModelProto, final: FinalNorm) -> list[NodeProto]:
    """Returns the nodes that lie between the last layer's input and the norm's output."""
    behind = {final.layer.features}
    for node in model.graph.node:
        if behind & set(node.input):
            behind |= set(node.output)
    needed, way = {final.output}, []
    for node in reversed(model.graph.node):
        if needed & set(node.output):
            needed |= set(node.input)
            if (behind - {final.layer.features}) & set(node.output):
                way.append(node)
    return way[::-1]


def cut_way(model: ModelProto, final: FinalNorm) -> ModelProto:
    """Returns the way from the last layer's input, now FEATURES, to the norm's output as a graph of its own."""
    cut = copy_model(model)
    features = final.layer.features
    for node in way_nodes(cut, final):
        node.input[:] = [FEATURES if name == features else name for name in node.input]
    needed, nodes = {final.output}, []
    for node in reversed(cut.graph.node):
        if needed & set(node.output):
            needed |= set(node_uses(node))
            nodes.append(NodeProto.FromString(node.SerializeToString()))
    del cut.graph.node[:], cut.graph.output[:], cut.graph.value_info[:]
    cut.graph.node.extend(reversed(nodes))
    for listed in (cut.graph.initializer, cut.graph.input):
        for item in [item for item in listed if item.name not in needed]:
            listed.remove(item)
    kind = GraphView(model).element_type(features) or TensorProto.FLOAT
    cut.graph.input.append(onnx.helper.make_tensor_value_info(FEATURES, kind, None))
    return cut


def passed_over(model: ModelProto, parts: Sequence[Affine]) -> ModelProto:
    """Returns a copy in which some nodes pass on what they read."""
    copy = copy_model(model)
    data = {part.node.output[0]: part.data for part in parts}
    for node in copy.graph.node:
        if node.output and node.output[0] in data:
            node.CopyFrom(onnx.helper.make_node("Identity", [data[node.output[0]]], list(node.output[:1])))
    return copy


def sum_of_terms(reference: ModelProto, final: FinalNorm, parts: Sequence[Affine]) -> ModelProto:
    """Returns the way with absolute values everywhere: the sum of the sizes of all terms that make up a score."""
    terms = cut_way(passed_over(reference, parts), final)
    node = next(node for node in terms.graph.node if final.layer.scores in node.output)
    layer = replace(final.layer, node=node)
    absolute = [replace(part, scale=np.abs(part.scale), shift=part.terms) for part in parts]
    make_absolute(terms, layer)
    absorb(terms, layer, *final.scale_and_shift(absolute))
    return terms


def random_features(view: GraphView, final: FinalNorm, example: Value) -> Iterator[Value]:
    """Yields features like those that the graph gave its last layer, at several scales, and some for each class."""
    rng = np.random.default_rng(1)
    weight, node = constant(view, final.layer.node.input[1]), final.layer.node
    repeats = max(1, min(8, FEATURE_ROWS // max(1, example.shape[0] if example.ndim else 1)))
    flat = tuple(size if i < 2 else 1 for i, size in enumerate(example.shape))  # the same at all places of an image
    for scale in SCALES:
        for i in range(max(repeats, 2) if node.op_type == "Conv" else repeats):
            drawn = rng.normal(size=flat if node.op_type == "Conv" and i % 2 else example.shape) * scale
            yield np.broadcast_to(drawn, example.shape).astype(example.dtype)
    class_scale, _ = final.scale_and_shift(final.folded)
    if node.op_type == "Conv":
        per_class = weight.sum(axis=tuple(range(2, weight.ndim))).T
    else:
        per_class = weight.T if attribute(node, "transB", 0) else weight
    axis = 1 if node.op_type == "Conv" else (0 if attribute(node, "transA", 0) else example.ndim - 1)
    if per_class.ndim == 2 and example.ndim > axis and per_class.shape[0] == example.shape[axis]:
        for favoured in (per_class * class_scale).T[:MOST_FAVOURED]:
            length = max(float(np.abs(favoured).max()), TINY)
            for size in (1.0, 100.0):
                along = (favoured / length * size).reshape([-1 if i == axis else 1 for i in range(example.ndim)])
                yield np.broadcast_to(along, example.shape).astype(example.dtype)
