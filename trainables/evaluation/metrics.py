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
    return measure_members(np.asarray(probabilities)[None], labels[None], class_names, roles)[0]


def measure_members(
    probabilities: npt.NDArray[np.floating],
    labels: npt.NDArray[np.int64],
    class_names: Sequence[str],
    roles: Sequence[str],
) -> list[dict[str, float]]:
    """Returns what `measure` does for every member of probabilities (members, n, classes), labels (members, n).

    Raises:
        ValueError: no images, or shapes that do not fit.
    """
    p = np.asarray(probabilities, dtype=np.float64)  # (members, n, classes)
    if p.shape != (*labels.shape, len(class_names)) or not labels.size:
        raise ValueError(f"got probabilities {p.shape[1:]} for {labels.shape[1]} labels and {len(class_names)} classes")
    decided, confidence, target = p.argmax(axis=2), p.max(axis=2), np.eye(p.shape[2])[labels]
    result: dict[str, Array] = {}  # metric/class -> (members,)
    counts = _confusion(decided, labels, p.shape[2])  # (members, true, decided)
    balanced = _balanced_f1(counts)  # (members, classes)
    with np.errstate(invalid="ignore", divide="ignore"):
        for k, name in enumerate(class_names):
            hits, num_decided, num_actual = counts[:, k, k], counts[:, :, k].sum(axis=1), counts[:, k].sum(axis=1)
            is_there = num_actual > 0
            values = (
                np.where(num_decided > 0, hits / num_decided, 0.0),
                np.where(is_there, hits / num_actual, np.nan),
                np.where(is_there, 2 * hits / (num_decided + num_actual), np.nan),
                balanced[:, k],
                *_ranking(p[:, :, k], labels == k),
            )
            result |= {f"{metric}/{name}": value for metric, value in zip(PER_CLASS, values, strict=True)}
        for role in dict.fromkeys(roles):
            of_role = [name for name, role_of_name in zip(class_names, roles, strict=True) if role_of_name == role]
            for metric in PER_CLASS:
                result[f"{metric}/{role}"] = _mean_of_defined(np.stack([result[f"{metric}/{n}"] for n in of_role]))
    result[f"accuracy/{ALL}"] = (decided == labels).mean(axis=1)
    result[f"confidence/{ALL}"] = confidence.mean(axis=1)
    pairs = zip(confidence, decided == labels, strict=True)
    result[f"ece/{ALL}"] = np.array([_calibration_error(*pair) for pair in pairs])
    result[f"brier/{ALL}"] = ((p - target) ** 2).sum(axis=2).mean(axis=1)
    values_of_members = np.stack(list(result.values()), axis=1).tolist()
    return [dict(zip(result, values_of_member, strict=True)) for values_of_member in values_of_members]


def _confusion(decided: npt.NDArray[np.int64], labels: npt.NDArray[np.int64], num_classes: int) -> Array:
    """Returns the counts (members, true class, decided class)."""
    members = np.arange(len(labels))[:, None]
    cells = (members * num_classes + labels) * num_classes + decided
    counts = np.bincount(cells.ravel(), minlength=len(labels) * num_classes**2)
    return counts.reshape(len(labels), num_classes, num_classes).astype(np.float64)


def _mean_of_defined(values: Array) -> Array:
    """Returns the mean over the first axis, NaN left out; NaN where all are."""
    is_defined = ~np.isnan(values)
    return np.asarray(np.where(is_defined, values, 0).sum(axis=0) / is_defined.sum(axis=0))


def _balanced_f1(counts: Array) -> Array:
    """Returns, per class k, the F1 of k were all classes as frequent: what a balanced test set measures.

        F1 = 2 r_k / (1 + sum_c r_c)        with r_c the share of the images of class c that are decided for k

    Args:
        counts: (members, true class, decided class).

    Returns:
        (members, classes); NaN where a class, or all others, have no images.
    """
    num_actual = counts.sum(axis=2, keepdims=True)  # (members, true, 1)
    shares = np.divide(counts, num_actual, out=np.zeros_like(counts), where=num_actual > 0)  # r_c of decided k
    is_there = num_actual[:, :, 0] > 0
    f1 = 2 * np.diagonal(shares, axis1=1, axis2=2) / (1 + shares.sum(axis=1))
    return np.asarray(np.where(is_there & (is_there.sum(axis=1, keepdims=True) > 1), f1, np.nan))


def _ranking(score: Array, actual: npt.NDArray[np.bool_]) -> tuple[Array, Array]:
    """Returns average precision and AUROC, (members,), of scores (members, n) and which images are positive.

    From one descending sweep over the scores; images with the same score count as one step, and half in a pair.
    """
    num_images = score.shape[1]
    num_positive = actual.sum(axis=1)
    order = np.argsort(-score, axis=1, kind="stable")
    ordered, actual = np.take_along_axis(score, order, axis=1), np.take_along_axis(actual, order, axis=1)
    places = np.arange(num_images)
    is_new = np.ones_like(actual)
    is_new[:, 1:] = ordered[:, 1:] != ordered[:, :-1]
    first = np.maximum.accumulate(np.where(is_new, places, 0), axis=1)  # place of the first and last of a tie
    is_last = np.roll(is_new, -1, axis=1)
    last = np.minimum.accumulate(np.where(is_last, places, num_images - 1)[:, ::-1], axis=1)[:, ::-1]
    true = np.take_along_axis(np.cumsum(actual, axis=1), last, axis=1)  # positives at or above each score
    average_precision = (actual * true / (last + 1)).sum(axis=1) / num_positive
    # positives lie, on average, at places of which this share is negatives above them
    middle = (actual * (first + last) / 2).sum(axis=1) - num_positive * (num_positive - 1) / 2
    auroc = 1 - middle / (num_positive * (num_images - num_positive))
    return average_precision, auroc


def calibration(
    probabilities: npt.NDArray[np.floating], labels: npt.NDArray[np.int64], shares: Sequence[float]
) -> dict[str, float]:
    """Returns {"brier/all", "ece/all"} of probabilities (n, classes) and labels (n,), were the classes that frequent.

    Args:
        probabilities: of the classes.
        labels: every class has images.
        shares: of the classes among the images that it is to be said for, (classes,), or counts.
    """
    p = np.asarray(probabilities, dtype=np.float64)
    weights = (np.asarray(shares) / np.sum(shares) / np.bincount(labels, minlength=p.shape[1]))[labels]
    distances = ((p - np.eye(p.shape[1])[labels]) ** 2).sum(axis=1)
    error = _calibration_error(p.max(axis=1), p.argmax(axis=1) == labels, weights)
    return {f"brier/{ALL}": float(weights @ distances), f"ece/{ALL}": error}


def _calibration_error(confidence: Array, correct: npt.NDArray[np.bool_], weights: Array | None = None) -> float:
    """Returns the ECE: sum over bins of (share of the images in it) |accuracy - mean confidence|.

    Args:
        confidence: of every image, (n,).
        correct: (n,).
        weights: of the images, (n,); None for all alike.
    """
    bins = np.minimum((confidence * NUM_BINS).astype(int), NUM_BINS - 1)
    weights = np.ones(len(confidence)) if weights is None else weights
    gaps = np.bincount(bins, weights=weights * (correct - confidence), minlength=NUM_BINS)
    return float(np.abs(gaps).sum() / weights.sum())
