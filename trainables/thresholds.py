"""How much of a gain is the decision threshold alone: F1 at one half beside F1 at a threshold chosen on validation."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.special import expit, softmax
from sklearn.metrics import f1_score, roc_curve

from trainables.configuration import Configuration
from trainables.records import PREDICTIONS, Record, RunFolder

Scores = npt.NDArray[np.float64]


def choose(statistic: Scores, is_minority: npt.NDArray[np.bool_], otherwise: float = 0.5, odds: float = 1.0) -> float:
    """Returns the threshold of a statistic, (n,), with the best F1 where the roles are as frequent as `odds` says.

    Args:
        statistic: higher for the minority, such as its probability.
        is_minority: (n,).
        otherwise: the answer where one of the roles has no images.
        odds: majority images to a minority image where the threshold is to be used.
    """
    if is_minority.all() or not is_minority.any():
        return otherwise
    false_rate, true_rate, thresholds = roc_curve(is_minority, statistic)
    best = int(np.argmax(2 * true_rate / (1 + true_rate + odds * false_rate)))
    below = statistic[statistic < thresholds[best]]
    return float((thresholds[best] + below.max()) / 2) if len(below) else float(thresholds[best])


def score_shift(scores: Scores, labels: npt.NDArray[np.int64], num_majority: int, odds: float) -> Scores:
    """Returns what to add to the class scores, (classes,), so that argmax decides at the chosen threshold.

    The statistic is the best minority score less the best majority score; only minority scores are shifted.

    Args:
        scores: validation scores (n, classes), majority classes first.
        labels: (n,).
        num_majority: majority classes.
        odds: majority images to a minority image where the network is to decide.
    """
    statistic = scores[:, num_majority:].max(axis=1) - scores[:, :num_majority].max(axis=1)
    shift = np.zeros(scores.shape[1])
    shift[num_majority:] = -choose(statistic.astype(np.float64), labels >= num_majority, 0.0, odds)
    return shift


def f1_at_chosen(record: Record, folder: RunFolder) -> float:
    """Returns the test F1 of the minority role at the threshold that validation chose for this run."""
    tensors, configuration = folder.tensors(record, PREDICTIONS), record.typed_configuration()
    if "validation/scores" not in tensors:
        return float("nan")
    probability, is_minority = _of("test", tensors, configuration)
    threshold = choose(*_of("validation", tensors, configuration), odds=odds_of(is_minority))
    return float(f1_score(is_minority, probability >= threshold, zero_division=0))


def odds_of(is_minority: npt.NDArray[np.bool_]) -> float:
    """Returns majority images to a minority image; 1 without either."""
    rare = int(is_minority.sum())
    return (len(is_minority) - rare) / rare if 0 < rare < len(is_minority) else 1.0


def _of(
    split: str, tensors: Mapping[str, npt.NDArray[Any]], configuration: Configuration
) -> tuple[Scores, npt.NDArray[np.bool_]]:
    """Returns P(minority) and whether each image is of the minority."""
    first = len(configuration.data.majority)
    scores = tensors[f"{split}/scores"].astype(np.float64)
    p = expit(scores) if configuration.network.output == "sigmoid" else softmax(scores, axis=1)
    return p[:, first:].sum(axis=1) / p.sum(axis=1), tensors[f"{split}/labels"] >= first
