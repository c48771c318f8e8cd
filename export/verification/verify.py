"""Run an ONNX file through onnxruntime on a whole test set and compare it with the network it came from."""

import math
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import onnx
import onnxruntime
from sklearn.metrics import confusion_matrix
from torch import Tensor

from export.errors import ATOL
from export.verification.decisions import decided_differently
from export.verification.sessions import (
    DEPLOYED_LEVEL,
    LEVELS,
    Pixels,
    Probabilities,
    fixed_batch,
    infer,
    open_session,
)
from trainables.evaluation import measure

F1_TOLERANCE = 0.01  # a file whose F1 of either role is lower by more than this is not for deployment
LEVELS_TOLERANCE = 0.005  # nor one of which optimisation levels decide a larger share of images differently
WARM_UP, TIMED = 20, 200  # single images
FEWEST_TIMED, SECONDS_TIMED = 20, 2.0  # of a large network: as many as fit into the seconds
ALL = 1024  # images at a time, for "all of them"


@dataclass(frozen=True)
class HeldOut:
    """Whole images with their labels, and what the trained network (norm kept) makes of them.

    Attributes:
        images: uint8 (n, height, width, channels).
        labels: (n,) class indices.
        names: (n,) one per image.
        scores: PyTorch's, before the final norm, (n, classes).
        trained: probabilities (n, classes) of the trained network.
        classes, roles: of the outputs, in their order.
    """

    images: Pixels
    labels: npt.NDArray[np.int64]
    names: Sequence[str]
    scores: Tensor
    trained: Probabilities
    classes: Sequence[str]
    roles: Sequence[str]


@dataclass(frozen=True)
class Changed:
    """An image that a file decides otherwise than the trained network; margin: the latter's first less second p."""

    image: str
    label: str
    trained: str
    decided: str
    margin: float


@dataclass(frozen=True)
class Verification:
    """One file, measured through onnxruntime on the whole test set.

    Attributes:
        difference: largest absolute difference in probability to the PyTorch network it stands for.
        conditions: how many pairs of optimisation level and batch size were compared.
        levels_differ: share of the images run at every optimisation level that some level decides otherwise than the
            deployed one, ties apart.
        changed: the images that the trained network (norm kept) decides otherwise.
        num_images: images of the test set.
        metrics: {"f1/8": ...}, see trainables/evaluation/names.py.
        confusion: images (label, decided).
        f1_loss: by how much the F1 of the minority or of the majority, whichever more, is below the trained network's
            (of a file with a threshold of its own: PyTorch's there); 1 where the file's probabilities are not finite.
        nodes: operators in the graph.
        num_bytes: size of the file.
        p50_ms, p95_ms: latency of one image, one thread.
    """

    variant: str
    difference: float
    conditions: int
    levels_differ: float
    changed: tuple[Changed, ...]
    num_images: int
    metrics: dict[str, float]
    confusion: list[list[int]]
    f1_loss: float
    nodes: int
    num_bytes: int
    p50_ms: float
    p95_ms: float

    @property
    def matches(self) -> bool:
        """Whether the file computes what PyTorch computes, within ATOL."""
        return self.difference <= ATOL

    @property
    def deployable(self) -> bool:
        """Whether the file decides about as well as the trained network does, everywhere, and finds the rare class."""
        is_stable = self.levels_differ <= LEVELS_TOLERANCE
        return is_stable and self.f1_loss <= F1_TOLERANCE and self.metrics.get("f1/minority", 1.0) > 0


def verify(
    variant: str,
    model: onnx.ModelProto,
    test: HeldOut,
    reference: Probabilities,
    thorough: int | None = None,
    before: Probabilities | None = None,
) -> Verification:
    """Returns the measured facts of a model; judging them is the caller's.

    Args:
        variant: its name.
        model: what to run.
        test: what to run it on.
        reference: probabilities (n, classes) of the PyTorch network that the variant stands for.
        thorough: how many images also run at every optimisation level, and at batch 1, 7 and all; None is all.
        before: probabilities (n, classes) whose F1 the file is to keep; None: the trained network's.
    """
    content = model.SerializeToString()
    session = open_session(content, threads=0)
    outputs = infer(session, test.images)
    differences = [_difference(outputs, reference)]
    conditions = [(level, ALL) for level in LEVELS]
    if not fixed_batch(session):
        conditions += [(DEPLOYED_LEVEL, 1), (DEPLOYED_LEVEL, 7)]
    levels_differ = 0.0
    for level, batch in conditions if thorough != 0 else []:
        again = infer(open_session(content, level, threads=0), test.images[:thorough], batch)
        differences.append(_difference(again, reference[:thorough]))
        levels_differ = max(levels_differ, share_decided_differently(again, outputs[:thorough]))
    finite = bool(np.isfinite(outputs).all())
    outputs = np.nan_to_num(outputs)  # a file that overflows is no classifier: it decides something, and is refused
    metrics = measure(outputs, test.labels, test.classes, test.roles)
    metrics_before = measure(test.trained if before is None else before, test.labels, test.classes, test.roles)
    times = _latencies(open_session(content), test.images)
    return Verification(
        variant=variant,
        difference=float(np.nan_to_num(np.max(differences), nan=np.inf)),  # not max(): that passes over NaN
        conditions=len(differences),
        levels_differ=levels_differ,
        changed=tuple(_changed(outputs, test)),
        num_images=len(test.images),
        metrics=metrics,
        confusion=confusion_matrix(test.labels, outputs.argmax(axis=1), labels=range(len(test.classes))).tolist(),
        f1_loss=largest_loss(metrics_before, metrics, test.roles) if finite else 1.0,
        nodes=len(model.graph.node),
        num_bytes=len(content),
        p50_ms=float(np.percentile(times, 50)),
        p95_ms=float(np.percentile(times, 95)),
    )


def largest_loss(before: Mapping[str, float], now: Mapping[str, float], roles: Iterable[str]) -> float:
    """Returns by how much the F1 of the role that lost most is lower; a role without images has no F1."""
    losses = [before[f"f1/{role}"] - now[f"f1/{role}"] for role in dict.fromkeys(roles)]
    return max((float(loss) for loss in losses if not math.isnan(loss)), default=0.0)


def share_decided_differently(outputs: Probabilities, reference: Probabilities) -> float:
    """Returns the share of images (n, classes) that are decided otherwise than in a reference, ties apart."""
    changed, _ = decided_differently(np.nan_to_num(outputs), np.nan_to_num(reference))
    return len(changed) / len(reference)


def _difference(outputs: Probabilities, reference: Probabilities) -> float:
    return float(np.abs(outputs - reference).max())


def _changed(outputs: Probabilities, test: HeldOut) -> Iterable[Changed]:
    decided, trained = outputs.argmax(axis=1), test.trained.argmax(axis=1)
    for i in np.flatnonzero(decided != trained).tolist():
        second, first = np.sort(test.trained[i])[-2:]
        label, class_before, class_now = (test.classes[k] for k in (test.labels[i], trained[i], decided[i]))
        yield Changed(test.names[i], label, class_before, class_now, round(float(first - second), 6))


def _latencies(session: onnxruntime.InferenceSession, images: Pixels) -> list[float]:
    """Returns milliseconds of single images, after some to warm up."""
    for image in images[:WARM_UP]:
        infer(session, image[None])
    times: list[float] = []
    until = time.perf_counter() + SECONDS_TIMED
    while len(times) < TIMED and (len(times) < FEWEST_TIMED or time.perf_counter() < until):
        image = images[len(times) % len(images)][None]
        started = time.perf_counter()
        infer(session, image)
        times.append((time.perf_counter() - started) * 1e3)
    return times
