"""Where is the final norm of an ONNX classifier, and which layer can take it in?

From each graph output back: what does not touch the scores' order or only moves them (activations, Cast, Flatten, ...),
then the norm, then again what only moves values, then the layer:

    Gemm | MatMul | Conv -> moving -> BatchNormalization, or Mul and Add by constants -> moving, activations -> output

The structure is checked before anything is changed: the norm stands for the axis that holds the layer's outputs, all
numbers are constants, nobody else reads what is between layer and norm. Each step says why it cannot, instead of
guessing.

Why not a pattern matcher: onnxscript's and onnx-ir's match a pattern of fixed nodes and answer yes or no. Here the path
has any length, the axis of the classes is followed along it, and every refusal has its own reason. onnxscript's own
rule for BatchNormalization looks at neither training mode nor ranks, and knows no MatMul.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from onnx import ModelProto, NodeProto

from export.errors import SurgeryError
from export.surgery.graph import Array, GraphView, operator, opset
from export.surgery.layers import Layer, as_layer
from export.surgery.nodes import NORM, Affine, as_affine, axis_behind, is_moving

OLDEST_OPSET = 9
OUTPUT_ACTIVATIONS = ("LogSoftmax", "Sigmoid", "Softmax")
_BEHIND_SCORES = (*OUTPUT_ACTIVATIONS, "ArgMax", "Cast", "HardSigmoid", "TopK")
LAYER_NEEDED = "Gemm, MatMul or Conv is needed"
NEEDED = "a BatchNormalization before the output is needed"


@dataclass(frozen=True)
class Path:
    """The way from a layer to a graph output, in the order of the graph: nodes, and what the affine ones compute.

    Attributes:
        output: the name of the graph output.
        layer: the layer that makes the scores; None where the way ends elsewhere.
        start: the operator where it ends, for messages.
        nodes: from behind the layer to the output.
        affine: those of them that scale and shift, by their output.
        scores: the name of the scores: what the activation reads, or else the output.
    """

    output: str
    layer: Layer | None
    start: str
    nodes: tuple[NodeProto, ...]
    affine: dict[str, Affine]
    scores: str

    @property
    def linear(self) -> tuple[NodeProto, ...]:
        """The nodes before the first activation."""
        names = [node.input[0] for node in self.nodes]
        return self.nodes[: names.index(self.scores)] if self.scores in names else self.nodes


@dataclass(frozen=True)
class FinalNorm:
    """A final norm that can be folded and removed.

    Attributes:
        path: the way that it lies on.
        layer: the layer before it.
        norm: its nodes.
        folded: its nodes, and what else scales and shifts between the layer and it.
        axis: of its output, along which the classes lie.
        scores_axis: of the scores, likewise; None where the axis cannot be followed that far.
    """

    path: Path
    layer: Layer
    norm: tuple[Affine, ...]
    folded: tuple[Affine, ...]
    axis: int
    scores_axis: int | None

    @property
    def output(self) -> str:
        """The name of what the norm makes."""
        return str(self.norm[-1].node.output[0])

    def scale_and_shift(self, parts: Sequence[Affine]) -> tuple[Array, Array]:
        """Returns (classes,) what some of its parts, one behind the other, multiply the layer's outputs by and add."""
        scale, shift = np.ones(self.layer.classes), np.zeros(self.layer.classes)
        for part in parts:
            scale, shift = scale * part.scale, shift * part.scale + part.shift
        return scale, shift


def find(model: ModelProto) -> FinalNorm:
    """Returns the final norm of a model; raises SurgeryError with the reason where there is none to work on."""
    if opset(model) < OLDEST_OPSET:
        raise SurgeryError(
            f"got opset {opset(model)}; {OLDEST_OPSET} or newer is needed: BatchNormalization was another then"
        )
    view = GraphView(model)
    norms: dict[str, FinalNorm] = {}
    layers: set[str] = set()
    problems: list[SurgeryError] = []
    for output in model.graph.output:
        try:
            path = walk_back(view, output.name)
            layers |= {path.layer.scores} if path.layer is not None else set()
            norm = norm_on(view, path)
            norms.setdefault(norm.output, norm)
        except SurgeryError as error:
            problems.append(error)
    inner = {name for layer in layers for name in _ancestors(view, layer)}
    last = [name for name in norms if name not in inner]  # nothing but an activation stands behind the final norm
    if not last:
        reasons = [error for error in problems if NEEDED not in str(error)]
        raise (reasons or problems or [SurgeryError(f"the graph has no output; {NEEDED}")])[0]
    if len(last) > 1:
        outputs = ", ".join(repr(norms[name].path.output) for name in last)
        raise SurgeryError(f"the outputs {outputs} have a final norm each; a classifier with one is needed")
    return norms[last[0]]


def walk_back(view: GraphView, output: str) -> Path:
    """Returns the way from a layer to a value, through moving, scaling and activating nodes only."""
    nodes: list[NodeProto] = []
    affine: dict[str, Affine] = {}
    scores = name = output
    layer = None
    while (node := view.producers.get(name)) is not None:
        try:
            layer = as_layer(view, node)
        except SurgeryError:
            if affine:
                raise
            break  # without a norm behind it, it does not matter why this layer cannot be worked on
        if layer is not None or (name != node.output[0] and operator(node) != "TopK"):
            break
        part = as_affine(view, node)
        if part is not None:
            affine[name] = part
        elif not is_moving(view, node):
            if operator(node) not in _BEHIND_SCORES:
                break
            scores = node.input[0]
        nodes.append(node)
        name = part.data if part is not None else node.input[0]
    start = "a graph input" if node is None else operator(node)
    return Path(output, layer, start, tuple(reversed(nodes)), affine, scores)


def norm_on(view: GraphView, path: Path) -> FinalNorm:
    """Returns the norm on a way; raises SurgeryError where there is none, or it cannot be worked on."""
    linear = [path.affine[node.output[0]] for node in path.linear if node.output[0] in path.affine]
    norm, folded = _parts(path, linear)
    if path.layer is None:
        raise SurgeryError(
            f"before the final BatchNormalization stands {path.start}; {LAYER_NEEDED}" if norm else _no_norm(view, path)
        )
    if not norm:
        if any(part.is_norm for part in path.affine.values()):
            raise SurgeryError(f"between the layer and the final BatchNormalization stands {_first_activation(path)}")
        raise SurgeryError(_no_norm(view, path))
    layer, axis = path.layer, path.layer.axis
    norm_end = [node.output[0] for node in path.linear].index(norm[-1].node.output[0])
    for node in path.linear[: norm_end + 1]:
        part = path.affine.get(node.output[0])
        _check_one_reader(view, part.data if part else node.input[0])
        if part is None:
            axis = axis_behind(view, node, axis)
        else:
            check_channels(view, part, layer, axis)
    return FinalNorm(path, layer, norm, folded, axis, _axis_of_scores(view, path, norm_end + 1, axis))


def _parts(path: Path, linear: Sequence[Affine]) -> tuple[tuple[Affine, ...], tuple[Affine, ...]]:
    """Returns the nodes of the norm, and all that fold takes away; nothing where there is no norm.

    A BatchNormalization is one, the last of them counts. Else it takes a multiplication and an addition of one constant
    per class; an Add behind a layer without a bias is that layer's bias, if what remains is a norm.
    """
    whole = [i for i, part in enumerate(linear) if part.is_norm]
    if whole:
        return (linear[whole[-1]],), tuple(linear[: whole[-1] + 1])
    classes = path.layer.classes if path.layer is not None else 0
    per_class = [i for i, part in enumerate(linear) if part.scale.size == classes]
    parts = linear[: per_class[-1] + 1] if per_class else []
    for rest in (parts[1:] if layer_bias(path, linear) is not None else parts, parts):
        mine = [part for part in rest if part.scale.size == classes]
        if any(part.multiplies for part in mine) and any(part.adds for part in mine):
            return tuple(rest), tuple(parts)
    return (), ()


def layer_bias(path: Path, linear: Sequence[Affine]) -> NodeProto | None:
    """Returns the Add that stands right behind a layer without a bias of its own: it is that layer's bias."""
    if path.layer is None or not linear or len([name for name in path.layer.node.input if name]) > 2:
        return None
    first = linear[0]
    behind = operator(first.node) == "Add" and first.data == path.layer.scores
    return first.node if behind else None


def _check_one_reader(view: GraphView, name: str) -> None:
    if view.uses[name] - view.shape_uses[name] != 1:
        raise SurgeryError(f"{name!r}, between the layer and the final norm, is used elsewhere too")


def check_channels(view: GraphView, part: Affine, layer: Layer, axis: int) -> None:
    """Raises SurgeryError where a norm does not stand for the outputs of the layer before it."""
    kind = operator(part.node)
    if part.scale.size not in (1, layer.classes) or (part.is_norm and part.scale.size != layer.classes):
        raise SurgeryError(
            f"the final {kind} has {part.scale.size} channels, the layer before it {layer.classes} outputs: "
            "they do not stand for the same classes"
        )
    if part.axis is not None and part.axis != axis:
        shape = ", ".join("?" if size is None else str(size) for size in view.dims(part.data) or ())
        raise SurgeryError(
            f"the final {kind} stands for axis {part.axis} of ({shape}), the layer before it for axis {axis}: "
            "they do not stand for the same classes"
        )


def _axis_of_scores(view: GraphView, path: Path, start: int, axis: int) -> int | None:
    """Returns the axis of the classes where the linear part of a way ends, None where it cannot be followed."""
    try:
        for node in path.linear[start:]:
            axis = axis if node.output[0] in path.affine else axis_behind(view, node, axis)
    except SurgeryError:
        return None
    return axis


def _first_activation(path: Path) -> str:
    return operator(path.nodes[len(path.linear)])


def _no_norm(view: GraphView, path: Path) -> str:
    """Returns why there is no norm; a graph that looks as if an exporter folded it already is told so."""
    start = path.start
    linear = [path.affine[node.output[0]] for node in path.linear if node.output[0] in path.affine]
    if linear:
        start = operator(linear[-1].node)
        if path.layer is None:
            return f"the scores come from {start}, and before what scales them stands {path.start}; {LAYER_NEEDED}"
    message = f"the scores come from {start}; {NEEDED}"
    has_norm = any(operator(node) == NORM for node in view.model.graph.node)
    if path.layer is None or has_norm:
        return message
    if view.model.producer_name == "pytorch":
        already = "torch's default export has folded it already, if there was one (optimize=False keeps it)"
    else:
        already = "an exporter may have folded it already"
    return f"no BatchNormalization before the output; {already}: {message}"


def _ancestors(view: GraphView, name: str) -> set[str]:
    """Returns the names of all values that a value is computed from, without itself."""
    names: set[str] = set()
    stack = [name]
    while stack:
        node = view.producers.get(stack.pop())
        new = set(node.input) - names if node is not None else set()
        names |= new
        stack += new
    return names - {name}
