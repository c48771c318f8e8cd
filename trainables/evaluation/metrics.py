"""What is measured on probabilities and labels; names.py says under which names it is stored.

Per class, one against the rest: precision, recall and F1 of the argmax decision; balanced F1, the same were all classes
as frequent; average precision (step-wise area, no interpolation) and AUROC of its probability. Per role: the mean over
its classes. Over all images: accuracy; confidence (mean top probability); ECE with 15 equal bins of it
(arXiv:1706.04599 eq. 3); Brier score, mean over images of the squared distance to the one-hot target, in [0, 2].

Undefined cases: precision is 0 where nothing was predicted; F1 is 0 where the class exists and none was found; recall,
F1, average precision and AUROC are NaN for a class without images, AUROC also for one without other images. A role's
mean leaves NaN out.
"""

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
    p = np.asarray(probabilities, dtype=np.float64)
    if p.shape != (len(labels), len(class_names)) or not len(labels):
        raise ValueError(f"got probabilities {p.shape} for {len(labels)} labels and {len(class_names)} classes")
    decided, target = p.argmax(axis=1), np.eye(p.shape[1])[labels]
    result: dict[str, float] = {}
    for k, name in enumerate(class_names):
        precision_recall_f1 = _precision_recall_f1(decided == k, labels == k)
        values = (*precision_recall_f1, balanced_f1(decided == k, labels, k), *_ranking(p[:, k], labels == k))
        result.update({f"{metric}/{name}": value for metric, value in zip(PER_CLASS, values, strict=True)})
    for role in dict.fromkeys(roles):
        for metric in PER_CLASS:
            values_of_role = [
                result[f"{metric}/{name}"] for name, its in zip(class_names, roles, strict=True) if its == role
            ]
            known = [value for value in values_of_role if value == value]
            result[f"{metric}/{role}"] = sum(known) / len(known) if known else float("nan")
    result[f"accuracy/{ALL}"] = float((decided == labels).mean())
    result[f"confidence/{ALL}"] = float(p.max(axis=1).mean())
    result[f"ece/{ALL}"] = _calibration_error(p.max(axis=1), decided == labels)
    result[f"brier/{ALL}"] = float(((p - target) ** 2).sum(axis=1).mean())
    return result


def _precision_recall_f1(decided: npt.NDArray[np.bool_], actual: npt.NDArray[np.bool_]) -> tuple[float, float, float]:
    hits, found, there = float((decided & actual).sum()), float(decided.sum()), float(actual.sum())
    precision = hits / found if found else 0.0
    if not there:
        return precision, float("nan"), float("nan")
    return precision, hits / there, 2 * hits / (found + there)


def balanced_f1(decided: npt.NDArray[np.bool_], labels: npt.NDArray[np.int64], k: int) -> float:
    """Returns the F1 of class k were all classes as frequent: what a balanced test set measures.

    `decided` (n,) says which images were decided for k. NaN where class k or all others have no images.
    """
    shares = [float(decided[labels == c].mean()) for c in np.unique(labels)]  # decided for k, of each class there is
    if k not in labels or len(shares) < 2:
        return float("nan")
    return 2 * float(decided[labels == k].mean()) / (1 + sum(shares))


def _ranking(score: Array, actual: npt.NDArray[np.bool_]) -> tuple[float, float]:
    """Average precision and AUROC from one descending sweep over the distinct scores."""
    positives = int(actual.sum())
    negatives = len(actual) - positives
    if not positives:
        return float("nan"), float("nan")
    order = np.argsort(-score, kind="stable")
    ordered = score[order]
    last_of_tie = np.append(ordered[1:] != ordered[:-1], True)
    true = np.cumsum(actual[order])[last_of_tie]
    false = np.flatnonzero(last_of_tie) + 1 - true
    new_true = np.diff(true, prepend=0)
    average_precision = float((new_true * true / (true + false)).sum() / positives)
    if not negatives:
        return average_precision, float("nan")
    middle = false - np.diff(false, prepend=0) / 2  # ties count half
    return average_precision, 1.0 - float((new_true * middle).sum() / (positives * negatives))


def _calibration_error(confidence: Array, correct: npt.NDArray[np.bool_]) -> float:
    bins = np.minimum((confidence * NUM_BINS).astype(int), NUM_BINS - 1)
    gaps = np.bincount(bins, weights=correct - confidence, minlength=NUM_BINS)
    return float(np.abs(gaps).sum() / len(confidence))
