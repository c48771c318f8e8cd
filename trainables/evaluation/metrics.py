"""What is measured on probabilities and labels; names.py says under which names it is stored.

Per class, one against the rest: precision, recall and F1 of the argmax decision; balanced F1, the same were all classes
as frequent; average precision (step-wise area, no interpolation) and AUROC of its probability. Per role: the mean over
its classes. Over all images: accuracy; confidence (mean top probability); ECE with 15 equal bins of it
(arXiv:1706.04599 eq. 3); Brier score, mean over images of the squared distance to the one-hot target, in [0, 2].

Undefined cases: precision is 0 where nothing was predicted; F1 is 0 where the class exists and none was found; recall,
F1, average precision and AUROC are NaN for a class without images, AUROC also for one without other images. A role's
mean leaves NaN out.
"""

import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from trainables.evaluation.names import ALL, PER_CLASS

Array = npt.NDArray[np.float64]

NUM_BINS = 15


def measure(
    probabilities: npt.NDArray[np.floating],
    labels: npt.NDArray[np.int64],
    class_names: Sequence[str],
    roles: Sequence[str],
) -> dict[str, float]:
    """Returns {"metric/class": value} (all but the loss) of probabilities (n, classes) and labels (n,).

    Raises:
        ValueError: no images, or shapes that do not fit.
    """
    p = np.asarray(probabilities, dtype=np.float64)  # (n, classes)
    if p.shape != (len(labels), len(class_names)) or not len(labels):
        raise ValueError(f"got probabilities {p.shape} for {len(labels)} labels and {len(class_names)} classes")
    decided, target = p.argmax(axis=1), np.eye(p.shape[1])[labels]
    result: dict[str, float] = {}
    for k, name in enumerate(class_names):
        precision, recall, f1 = _precision_recall_f1(decided == k, labels == k)
        average_precision, auroc = _ranking(p[:, k], labels == k)
        values = (precision, recall, f1, balanced_f1(decided == k, labels, k), average_precision, auroc)
        for metric, value in zip(PER_CLASS, values, strict=True):
            result[f"{metric}/{name}"] = value
    for role in dict.fromkeys(roles):
        names_of_role = [name for name, role_of_name in zip(class_names, roles, strict=True) if role_of_name == role]
        for metric in PER_CLASS:
            result[f"{metric}/{role}"] = _mean_of_defined([result[f"{metric}/{name}"] for name in names_of_role])
    result[f"accuracy/{ALL}"] = float((decided == labels).mean())
    result[f"confidence/{ALL}"] = float(p.max(axis=1).mean())
    result[f"ece/{ALL}"] = _calibration_error(p.max(axis=1), decided == labels)
    result[f"brier/{ALL}"] = float(((p - target) ** 2).sum(axis=1).mean())
    return result


def _mean_of_defined(values: Sequence[float]) -> float:
    defined = [value for value in values if not math.isnan(value)]
    return sum(defined) / len(defined) if defined else float("nan")


def _precision_recall_f1(decided: npt.NDArray[np.bool_], actual: npt.NDArray[np.bool_]) -> tuple[float, float, float]:
    num_hits, num_decided, num_actual = float((decided & actual).sum()), float(decided.sum()), float(actual.sum())
    precision = num_hits / num_decided if num_decided else 0.0
    if not num_actual:
        return precision, float("nan"), float("nan")
    return precision, num_hits / num_actual, 2 * num_hits / (num_decided + num_actual)


def balanced_f1(decided: npt.NDArray[np.bool_], labels: npt.NDArray[np.int64], k: int) -> float:
    """Returns the F1 of class k were all classes as frequent: what a balanced test set measures.

        F1 = 2 r_k / (1 + sum_c r_c)        with r_c the share of the images of class c that are decided for k

    Args:
        decided: (n,), which images are decided for k.
        labels: (n,).
        k: index of the class; the answer is NaN where it or all others have no images.
    """
    classes = np.unique(labels)
    if k not in classes or len(classes) < 2:
        return float("nan")
    shares = [float(decided[labels == c].mean()) for c in classes]
    return 2 * float(decided[labels == k].mean()) / (1 + sum(shares))


def _ranking(score: Array, actual: npt.NDArray[np.bool_]) -> tuple[float, float]:
    """Returns average precision and AUROC from one descending sweep over the distinct scores."""
    num_positive = int(actual.sum())
    num_negative = len(actual) - num_positive
    if not num_positive:
        return float("nan"), float("nan")
    order = np.argsort(-score, kind="stable")
    ordered = score[order]
    last_of_tie = np.append(ordered[1:] != ordered[:-1], True)
    true = np.cumsum(actual[order])[last_of_tie]  # positives at or above each distinct score
    false = np.flatnonzero(last_of_tie) + 1 - true
    new_true = np.diff(true, prepend=0)
    average_precision = float((new_true * true / (true + false)).sum() / num_positive)
    if not num_negative:
        return average_precision, float("nan")
    false_at_middle = false - np.diff(false, prepend=0) / 2  # ties count half
    return average_precision, 1.0 - float((new_true * false_at_middle).sum() / (num_positive * num_negative))


def _calibration_error(confidence: Array, correct: npt.NDArray[np.bool_]) -> float:
    """Returns the ECE: sum over bins of (images in it / n) |accuracy - mean confidence|."""
    bins = np.minimum((confidence * NUM_BINS).astype(int), NUM_BINS - 1)
    gaps = np.bincount(bins, weights=correct - confidence, minlength=NUM_BINS)
    return float(np.abs(gaps).sum() / len(confidence))
