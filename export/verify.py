"""Run an ONNX file through onnxruntime on a whole test set and compare it with the network it came from."""

import time
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import onnx
import onnxruntime

from trainables.errors import StudyError
from trainables.metrics import measure

ATOL = 1e-5  # on probabilities: float32 sums in another order differ by about 1e-7 per operation
WARM_UP, TIMED = 20, 200  # single images
BATCH = 64  # images at a time; bounds memory


class ExportMismatchError(StudyError):
    """An exported file does not compute what its network computes."""

    def __init__(self, what: str, difference: float) -> None:
        super().__init__(f"{what}: differs from PyTorch by {difference:.2g} in probability; {ATOL:g} is allowed")
        self.what, self.difference = what, difference


@dataclass(frozen=True)
class Verification:
    """One file, measured through onnxruntime on the whole test set.

    Attributes:
        difference: largest absolute difference in probability to the PyTorch network it stands for.
        decisions_changed: images that the trained network (norm kept) decides otherwise.
        num_images: images of the test set.
        metrics: {"f1/8": ...}, see trainables/metrics.py.
        nodes: operators in the graph.
        num_bytes: size of the file.
        p50_ms, p95_ms: latency of one image, one thread.
    """

    variant: str
    difference: float
    decisions_changed: int
    num_images: int
    metrics: dict[str, float]
    nodes: int
    num_bytes: int
    p50_ms: float
    p95_ms: float

    @property
    def matches(self) -> bool:
        """Whether the file computes what PyTorch computes, within ATOL."""
        return self.difference <= ATOL


def verify(
    variant: str, model: onnx.ModelProto, images: npt.NDArray[np.uint8], labels: npt.NDArray[np.int64],
    reference: npt.NDArray[np.float32], decisions: npt.NDArray[np.int64],
    class_names: Sequence[str], roles: Sequence[str],
) -> Verification:  # fmt: skip
    """Returns the measured facts of a model; judging them is the caller's.

    Args:
        variant: its name.
        model: what to run, at the optimisation level that users deploy.
        images: uint8 (n, height, width, channels).
        labels: (n,) class indices.
        reference: probabilities (n, classes) of the PyTorch network that the variant stands for.
        decisions: (n,) what the trained network decides.
        class_names: in the order of the outputs.
        roles: likewise.
    """
    content = model.SerializeToString()
    session = open_session(content)
    probabilities = infer(session, images)
    times = np.array([_time_one(session, images[i % len(images)][None]) for i in range(WARM_UP + TIMED)][WARM_UP:])
    return Verification(
        variant=variant,
        difference=float(np.abs(probabilities - reference).max()),
        decisions_changed=int((probabilities.argmax(axis=1) != decisions).sum()),
        num_images=len(images),
        metrics=measure(probabilities, labels, class_names, roles),
        nodes=len(model.graph.node),
        num_bytes=len(content),
        p50_ms=float(np.percentile(times, 50)),
        p95_ms=float(np.percentile(times, 95)),
    )


def open_session(content: bytes) -> onnxruntime.InferenceSession:
    """Returns a one-thread CPU session at ORT_ENABLE_ALL, what users deploy."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])


def infer(session: onnxruntime.InferenceSession, images: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
    """Returns probabilities (n, classes) of images (n, height, width, channels)."""
    name = session.get_inputs()[0].name
    parts = [session.run(None, {name: images[i : i + BATCH]})[0] for i in range(0, len(images), BATCH)]
    return np.concatenate(parts)


def _time_one(session: onnxruntime.InferenceSession, image: npt.NDArray[np.uint8]) -> float:
    started = time.perf_counter()
    infer(session, image)
    return (time.perf_counter() - started) * 1e3
