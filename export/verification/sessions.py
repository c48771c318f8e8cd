"""Graphs in onnxruntime: opened on the CPU at a chosen optimisation level, run on images a batch at a time."""

import numpy as np
import numpy.typing as npt
import onnxruntime

from export.errors import ExportError
from trainables.common import first_line

Pixels = npt.NDArray[np.uint8]
Probabilities = npt.NDArray[np.float32]

BATCH = 64  # images at a time; bounds memory
LEVELS = tuple(onnxruntime.GraphOptimizationLevel.__members__.values())
DEPLOYED_LEVEL = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_ALL  # what users get who choose nothing


def open_session(
    content: bytes, level: onnxruntime.GraphOptimizationLevel = DEPLOYED_LEVEL, threads: int = 1
) -> onnxruntime.InferenceSession:
    """Returns a CPU session of a serialized graph; 0 threads is one per core.

    Raises:
        ExportError: onnxruntime cannot load the graph.
    """
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.log_severity_level = 3
    options.graph_optimization_level = level
    try:
        return onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # onnxruntime raises its own kinds
        raise ExportError(f"onnxruntime cannot load this graph: {first_line(error)}") from error


def infer(session: onnxruntime.InferenceSession, images: Pixels, batch: int = BATCH) -> Probabilities:
    """Returns probabilities (n, classes) of images (n, height, width, channels); a batch that the graph fixes wins."""
    given = session.get_inputs()[0]
    batch = fixed_batch(session) or batch
    parts = [session.run(None, {given.name: images[i : i + batch]})[0] for i in range(0, len(images), batch)]
    return np.concatenate(parts)


def fixed_batch(session: onnxruntime.InferenceSession) -> int | None:
    """Returns how many images a graph takes at a time, None for any number."""
    batch = session.get_inputs()[0].shape[0]
    return batch if isinstance(batch, int) else None
