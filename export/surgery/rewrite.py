"""One ONNX file in, one out: reads, changes its final batch norm, proves the change on random inputs, writes."""

import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import numpy as np
import numpy.typing as npt
import onnx
import onnxruntime as ort
from onnx import ModelProto

from export.errors import SurgeryError
from export.surgery import final_norm
from export.surgery.command import Claim
from export.surgery.graph import copy_model
from trainables.errors import first_line

IMAGES = 4  # axes of an input of images: batch, channels, height, width
# of probabilities or scores, relative to the largest score, by the type of the output
ATOL = {int(onnx.TensorProto.FLOAT): 1e-4, int(onnx.TensorProto.FLOAT16): 1e-2, int(onnx.TensorProto.DOUBLE): 1e-9}
BATCH, CHANNELS = 7, 3  # what stands for a dynamic batch size, and for dynamic channels of images
UNKNOWN = (16, 64, 224)  # what is tried for any other dynamic size
Array = npt.NDArray[np.float32]


def rewrite(change: Callable[[ModelProto], ModelProto], source: Path, target: Path, claim: Claim) -> str:
    """Writes the changed file and returns a line on what was done; nothing is written where anything is wrong.

    The proof runs both graphs on random inputs. The caller says what the change claims: "fold" must give the original's
    outputs, "remove" the outputs of the original's last node on the scores before the norm.

    Raises:
        SurgeryError: a file that cannot be read or is no ONNX model, a graph without a final batch norm to work on, a
            changed graph that does not compute what it should, a target that cannot be written.
    """
    model = read(source)
    try:
        changed = change(model)
    except (onnx.checker.ValidationError, onnx.shape_inference.InferenceError) as error:
        raise SurgeryError(f"{source}: the changed graph is not valid: {first_line(error)}") from error
    difference, inputs = _difference(model, changed, folded=claim == "fold")
    allowed = ATOL.get(_type(model), ATOL[int(onnx.TensorProto.FLOAT)])
    if not difference <= allowed:
        raise SurgeryError(f"the changed graph is off by {difference:.1e} on random inputs (allowed {allowed:g})")
    if not target.name or target.is_dir():
        raise SurgeryError(f"{target} is a folder; a file is to be written")
    part = target.with_name(f".{target.name}.{os.getpid()}.part")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        part.write_bytes(changed.SerializeToString())
        part.replace(target)
    except OSError as error:
        with suppress(OSError):
            part.unlink()
        raise SurgeryError(f"{target} cannot be written: {error.strerror}") from error
    nodes = len(model.graph.node) - len(changed.graph.node)
    return f"{target}: {nodes} node fewer, off by {difference:.1e} on random inputs {inputs} (allowed {allowed:g})"


def read(path: Path) -> ModelProto:
    """Returns an ONNX model with its external data, which has to lie in the file's own folder."""
    try:
        model = onnx.load(path)
        onnx.checker.check_model(model)
    except OSError as error:
        raise SurgeryError(f"{path}: {error.strerror or error}") from error
    except Exception as error:  # protobuf and the checker raise what they like
        raise SurgeryError(f"{path}: not a whole ONNX model ({first_line(error)})") from error
    if not model.graph.node:
        raise SurgeryError(f"{path}: not an ONNX model, or one without nodes")
    return model


def _difference(model: ModelProto, changed: ModelProto, folded: bool) -> tuple[float, str]:
    """Returns the largest difference to what the changed graph should compute, relative, and the inputs' shapes."""
    feeds, outputs = _tried(model)
    expected = outputs if folded else _without_norm(model, feeds)
    found = _run(changed, feeds)
    scale = max(1.0, float(np.abs(expected).max()))
    shapes = ", ".join("x".join(map(str, value.shape)) for value in feeds.values())
    return float(np.abs(found - expected).max()) / scale, shapes


def _without_norm(model: ModelProto, feeds: dict[str, Array]) -> Array:
    """Returns what the last node, if there is one behind the norm, makes of the scores before the norm."""
    before, found = copy_model(model), final_norm.find(model)
    (output,) = model.graph.output
    del before.graph.output[:]
    before.graph.output.append(onnx.helper.make_tensor_value_info(found.scores, _type(model), None))
    scores = _run(before, feeds)
    last = next((n for n in model.graph.node if found.norm[-1].output[0] in n.input), None)
    if last is None:
        return scores
    value = onnx.helper.make_tensor_value_info(last.input[0], _type(model), scores.shape)
    graph = onnx.helper.make_graph([last], "last", [value], [output])
    alone = onnx.helper.make_model(graph, opset_imports=model.opset_import, ir_version=model.ir_version)
    return _run(alone, {last.input[0]: scores})


def _tried(model: ModelProto) -> tuple[dict[str, Array], Array]:
    """Returns random inputs that the graph takes, and its outputs; dynamic sizes are tried one after the other."""
    problem = SurgeryError("the graph has no size that it runs at")
    for size in UNKNOWN:
        try:
            feeds = _random_inputs(model, size)
            return feeds, _run(model, feeds)
        except SurgeryError as error:
            problem = error
    raise problem


def _run(model: ModelProto, feeds: dict[str, Array]) -> Array:
    options = ort.SessionOptions()
    options.log_severity_level = 4  # a size that does not fit is an answer here
    try:
        session = ort.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
        return np.asarray(session.run(None, feeds)[0])
    except Exception as error:  # onnxruntime raises its own kinds
        raise SurgeryError(f"onnxruntime cannot run the graph: {first_line(error)}") from error


def _random_inputs(model: ModelProto, unknown: int) -> dict[str, Array]:
    constants, rng = {c.name for c in model.graph.initializer}, np.random.default_rng(0)
    feeds = {}
    for value in model.graph.input:
        if value.name in constants:
            continue
        if not value.type.HasField("tensor_type"):
            raise SurgeryError(f"graph input {value.name!r} is no tensor; random inputs cannot be made for it")
        kind = value.type.tensor_type
        rank = len(kind.shape.dim)
        stand_in = [BATCH, *[unknown] * (rank - 1)]
        if rank == IMAGES and kind.shape.dim[-1].dim_value not in (1, CHANNELS):
            stand_in[1] = CHANNELS
        sizes = [d.dim_value or stand_in[i] for i, d in enumerate(kind.shape.dim)]
        dtype = onnx.helper.tensor_dtype_to_np_dtype(kind.elem_type)
        whole = np.issubdtype(dtype, np.integer)
        feeds[value.name] = (rng.integers(0, 255, sizes) if whole else rng.normal(size=sizes)).astype(dtype)
    return feeds


def _type(model: ModelProto) -> int:
    return int(model.graph.output[0].type.tensor_type.elem_type)
