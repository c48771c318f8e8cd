"""A trained network -> an ONNX graph whose final norm is still a node of its own.

The graph takes uint8 images (batch, height, width, channels) as a camera gives them and returns probabilities
(batch, classes): scaling and softmax or sigmoid are inside. torch's own optimisation is off, as it folds the final norm
away before anyone can keep or remove it; here constants are folded, unused nodes dropped, and the inner norms only
fused into the layers before them.
"""

import copy
import logging
import warnings
from collections.abc import Mapping

import onnx
import torch
from onnx import helper
from onnxscript import optimizer
from torch import Tensor, nn

from export.conversion.graph_form import DEFAULT_FORM, OPSETS, GraphForm, at_opset, lean
from export.conversion.names import INPUT, OUTPUT
from export.errors import ExportError
from export.surgery import fuse_inner_norms
from trainables.common import first_line
from trainables.networks import Classifier
from trainables.training import probabilities


class Deployed(nn.Module):
    """The network as a device sees it: uint8 images in, probabilities out."""

    def __init__(self, classifier: Classifier, output: str, shift: Tensor | None = None) -> None:
        """With `shift`, (classes,), that is added to the scores: another decision threshold."""
        super().__init__()
        self.classifier, self.output, self.shift = classifier, output, shift

    def forward(self, images: Tensor) -> Tensor:
        """Returns probabilities (batch, classes) of uint8 images (batch, height, width, channels)."""
        return self.probabilities(self.scores(images))

    def scores(self, images: Tensor) -> Tensor:
        """Returns the scores before the final norm, (batch, classes): what all variants of a network share."""
        return self.classifier.scores(images.permute(0, 3, 1, 2).float() / 255)

    def probabilities(self, scores: Tensor) -> Tensor:
        """Returns probabilities (batch, classes) of scores before the final norm."""
        normed: Tensor = self.classifier.final_norm(scores)
        return probabilities(normed if self.shift is None else normed + self.shift, self.output)

    def without_final_norm(self) -> "Deployed":
        """Returns the network whose final norm is removed: other decisions (K21 H1)."""
        return Deployed(self.classifier.without_final_norm(), self.output, self.shift)

    def shifted(self, shift: Tensor) -> "Deployed":
        """Returns the same network with another shift of its scores, (classes,)."""
        return Deployed(self.classifier, self.output, shift)


def to_onnx(
    network: Deployed, image_shape: tuple[int, int, int], metadata: Mapping[str, str], form: GraphForm = DEFAULT_FORM
) -> onnx.ModelProto:
    """Returns the graph of a network in evaluation mode, `metadata` inside the file.

    Args:
        network: what to export.
        image_shape: (channels, height, width).
        metadata: written into the file's metadata_props.
        form: batch and opset; resizing inside the graph is `with_resize`.

    Raises:
        ExportError: torch's exporter cannot take the network, or the opset is too old for it.
    """
    channels, height, width = image_shape
    example = torch.zeros((form.batch or 2, height, width, channels), dtype=torch.uint8)
    logging.getLogger("torch.onnx").setLevel(logging.ERROR)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # deprecations inside torch's exporter
        try:
            program = torch.onnx.export(
                _with_plain_pools(network.eval()),
                (example,),
                dynamo=True,
                optimize=False,
                external_data=False,
                verbose=False,
                input_names=[INPUT],
                output_names=[OUTPUT],
                opset_version=OPSETS[-1],
                dynamic_shapes=None if form.batch else {INPUT: {0: torch.export.Dim("batch")}},
            )
        except Exception as error:  # it raises what its many parts raise
            raise ExportError(f"torch cannot write this network as ONNX: {first_line(error)}") from error
    assert program is not None  # dynamo=True always returns a program
    model = program.model_proto
    optimizer.fold_constants(model)
    _simplify(model)
    _drop_exporter_notes(model)
    model = lean(at_opset(fuse_inner_norms(model), form.opset))
    for name, value in metadata.items():
        model.metadata_props.add(key=name, value=value)
    onnx.checker.check_model(model, full_check=True)
    return model


class _MeanOverPlaces(nn.Module):
    """Adaptive average pooling to one place, which the exporter would write with strides, Range and Gather."""

    def forward(self, maps: Tensor) -> Tensor:
        """Returns means (batch, channels, 1, 1) of maps (batch, channels, height, width)."""
        return maps.mean((2, 3), keepdim=True)


def _with_plain_pools(network: nn.Module) -> nn.Module:
    network = copy.deepcopy(network)
    for module in list(network.modules()):
        for name, child in module.named_children():
            if isinstance(child, nn.AdaptiveAvgPool2d) and child.output_size in (1, (1, 1)):
                setattr(module, name, _MeanOverPlaces())
    return network


def _simplify(model: onnx.ModelProto) -> None:
    """Writes what the exporter spells out in arithmetic on shapes as the plain operators that other runtimes take."""
    shape_of = {value.name: value.type.tensor_type.shape.dim for value in model.graph.value_info}
    for node in model.graph.node:
        if node.op_type == "Reshape":
            before, after = (shape_of.get(name) for name in (node.input[0], node.output[0]))
            if before and after and len(after) == 2 and before[0] == after[0]:  # (batch, ...) -> (batch, features)
                node.CopyFrom(helper.make_node("Flatten", node.input[:1], node.output, name=node.name, axis=1))
        elif node.op_type == "ReduceMean":  # at its default, and unknown to older opsets
            kept = [attribute for attribute in node.attribute if attribute.name != "noop_with_empty_axes"]
            del node.attribute[:]
            node.attribute.extend(kept)
    optimizer.remove_unused_nodes(model)


def _drop_exporter_notes(model: onnx.ModelProto) -> None:
    """Removes stack traces and source paths that the exporter leaves in every node."""
    graph = model.graph
    for item in (model, graph, *graph.node, *graph.input, *graph.output, *graph.initializer, *graph.value_info):
        del item.metadata_props[:]
        item.doc_string = ""
