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
from scipy.special import expit, softmax

from export import surgery
from export.graph_edit import SurgeryError, copy

ATOL = 1e-4  # of probabilities or scores, relative to the largest score
BATCH, UNKNOWN = 7, 16  # what stands for a dynamic batch size and for any other dynamic size
Array = npt.NDArray[np.float32]


def rewrite(change: Callable[[ModelProto], ModelProto], source: Path, target: Path) -> str:
    """Writes the changed file and returns a line on what was done; nothing is written where anything is wrong.

    Raises:
        SurgeryError: a file that cannot be read or is no ONNX model, a graph without a final batch norm to work on, a
            changed graph that does not compute what it should, a target that cannot be written.
    """
    model = read(source)
    try:
        changed = change(model)
    except (onnx.checker.ValidationError, onnx.shape_inference.InferenceError) as error:
        raise SurgeryError(
            f"{source}: the changed graph is not valid: {str(error).strip().splitlines()[0][:200]}"
        ) from error
    difference, inputs = _difference(model, changed, folded=change is surgery.fold)
    if not difference <= ATOL:
        raise SurgeryError(f"the changed graph is off by {difference:.1e} on random inputs (allowed {ATOL:g})")
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
    return f"{target}: {nodes} node fewer, off by {difference:.1e} on random inputs {inputs} (allowed {ATOL:g})"


def read(path: Path) -> ModelProto:
    """Returns an ONNX model with its external data, which has to lie in the file's own folder."""
    try:
        model = onnx.load(path)
        onnx.checker.check_model(model)
    except OSError as error:
        raise SurgeryError(f"{path}: {error.strerror or error}") from error
    except Exception as error:  # protobuf and the checker raise what they like
        line = (str(error).strip().splitlines() or [type(error).__name__])[0][:200]
        raise SurgeryError(f"{path}: not a whole ONNX model ({line})") from error
    if not model.graph.node:
        raise SurgeryError(f"{path}: not an ONNX model, or one without nodes")
    return model


def _difference(model: ModelProto, changed: ModelProto, folded: bool) -> tuple[float, str]:
    """Returns how far the changed graph is from what it should compute: the same if folded, else the scores before."""
    feeds = _random_inputs(model)
    if folded:
        expected = _run(model, feeds)
    else:
        before = copy(model)
        norm = surgery.find(before).norm
        after = next((n for n in before.graph.node if norm.output[0] in n.input), None)
        activation = "" if after is None else after.op_type
        axes = [a.i for a in after.attribute if a.name == "axis"] if after is not None else []
        del before.graph.output[:]
        before.graph.output.append(onnx.helper.make_tensor_value_info(norm.input[0], _type(model), None))
        scores = _run(before, feeds)
        if activation == "Softmax":
            expected = softmax(scores, axis=axes[0] if axes else -1)
        else:
            expected = expit(scores) if activation == "Sigmoid" else scores
    found = _run(changed, feeds)
    scale = max(1.0, float(np.abs(expected).max()))
    shapes = ", ".join("x".join(map(str, value.shape)) for value in feeds.values())
    return float(np.abs(found - expected).max()) / scale, shapes


def _run(model: ModelProto, feeds: dict[str, Array]) -> Array:
    try:
        session = ort.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
        return np.asarray(session.run(None, feeds)[0])
    except Exception as error:  # onnxruntime raises its own kinds
        raise SurgeryError(f"onnxruntime cannot run the graph: {str(error).splitlines()[0][:200]}") from error


def _random_inputs(model: ModelProto) -> dict[str, Array]:
    constants, rng = {c.name for c in model.graph.initializer}, np.random.default_rng(0)
    feeds = {}
    for value in model.graph.input:
        if value.name in constants:
            continue
        kind = value.type.tensor_type
        sizes = [d.dim_value or (BATCH if i == 0 else UNKNOWN) for i, d in enumerate(kind.shape.dim)]
        dtype = onnx.helper.tensor_dtype_to_np_dtype(kind.elem_type)
        whole = np.issubdtype(dtype, np.integer)
        feeds[value.name] = (rng.integers(0, 255, sizes) if whole else rng.normal(size=sizes)).astype(dtype)
    return feeds


def _type(model: ModelProto) -> int:
    return int(model.graph.output[0].type.tensor_type.elem_type)
