"""Changes of an ONNX classifier's end: its final norm folded or removed, its scores shifted, its inner norms fused.

Everything else in the file stays as it was. None of these proves itself: see proof.py.
"""

import numpy as np
from onnx import ModelProto

from export.errors import SurgeryError
from export.surgery.final_norm import FinalNorm, check_channels, find, layer_bias, norm_on, walk_back
from export.surgery.graph import BITS, Array, GraphView, bypass, cleaned, copy_model, operator, values
from export.surgery.layers import absorb
from export.surgery.nodes import NORM


def fold(model: ModelProto) -> ModelProto:
    """Returns a copy with the final norm inside the layer before it: the same outputs up to rounding."""
    model, before = copy_model(model), values(model)
    _fold(model, find(model))
    return cleaned(model, before)


def remove(model: ModelProto) -> ModelProto:
    """Returns a copy without the final norm (K21 H1): other outputs, an empirical claim that must be measured."""
    model, before = copy_model(model), values(model)
    for part in find(model).norm:
        bypass(model, part.node, part.data)
    return cleaned(model, before)


def shift_scores(model: ModelProto, shift: Array) -> ModelProto:
    """Returns a copy whose class scores are higher by `shift` (classes,), in the bias of the layer that makes them."""
    model, before = copy_model(model), values(model)
    view = GraphView(model)
    path = walk_back(view, model.graph.output[0].name)
    affine = [path.affine[node.output[0]] for node in path.linear if node.output[0] in path.affine]
    carrier = layer_bias(path, affine)
    if path.layer is None or len(affine) > (carrier is not None):
        start = operator(affine[-1].node) if affine else path.start
        raise SurgeryError(f"the scores come from {start}; a layer without a norm behind it is needed")
    if shift.shape != (path.layer.classes,):
        raise SurgeryError(f"got {shift.size} shifts for the {path.layer.classes} outputs of the last layer")
    if carrier is not None and path.layer.node.op_type == "MatMul":
        check_channels(view, affine[0], path.layer, path.layer.axis)
        absorb(model, path.layer, np.ones_like(shift), affine[0].shift + shift, carrier)
    else:
        absorb(model, path.layer, np.ones_like(shift), shift)
    return cleaned(model, before)


def fuse_inner_norms(model: ModelProto) -> ModelProto:
    """Returns a copy in which every batch norm after a layer, but the final one, is inside that layer.

    What runtimes do when they load a file is in the file then: fewer nodes, and int8 scales that fit the fused layer.
    """
    model, before = copy_model(model), values(model)
    view = GraphView(model)
    final = {name for output in model.graph.output for name in _names_on_path(view, output.name)}
    for name in [n.output[0] for n in model.graph.node if operator(n) == NORM and n.output[0] not in final]:
        view = GraphView(model)
        try:
            _fold(model, norm_on(view, walk_back(view, name)))
        except SurgeryError:
            continue  # no layer before it, not made of constants, another reader: it stays
    return cleaned(model, before)


def _fold(model: ModelProto, final: FinalNorm) -> None:
    _check_precision(GraphView(model), final)
    carrier = layer_bias(final.path, final.folded) if final.layer.node.op_type == "MatMul" else None
    absorb(model, final.layer, *final.scale_and_shift(final.folded), carrier)
    for part in final.folded:
        if part.node is not carrier:
            bypass(model, part.node, part.data)


def _check_precision(view: GraphView, final: FinalNorm) -> None:
    """Raises SurgeryError where the layer computes in fewer bits than its norm, which it would round away."""
    layer, norm = (view.element_type(name) for name in (final.layer.scores, final.output))
    if BITS.get(layer, 64) < BITS.get(norm, 0):
        raise SurgeryError(
            f"the layer computes in {BITS[layer]} bits and its norm in {BITS[norm]}: folded, the norm's numbers would "
            "be rounded to those of the layer"
        )


def _names_on_path(view: GraphView, output: str) -> list[str]:
    """Returns the values on the way to an output; of a way that cannot be followed, the output and what makes it."""
    try:
        return [node.output[0] for node in walk_back(view, output).nodes]
    except SurgeryError:
        return [output, *(view.producers[output].input if output in view.producers else ())]
