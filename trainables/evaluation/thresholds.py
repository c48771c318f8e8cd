"""How much of a gain is the decision threshold alone: F1 at one half beside F1 at a threshold chosen on validation."""

import numpy as np
import numpy.typing as npt

from trainables.configuration import Data
from trainables.evaluation.probabilities import minority_probability
from trainables.storage import PREDICTIONS, Record, RunFolder

Scores = npt.NDArray[np.float64]


def choose_threshold(
    statistic: Scores, is_minority: npt.NDArray[np.bool_], otherwise: float = 0.5, odds: float = 1.0
) -> float:
    """Returns the threshold of a statistic, (n,), with the best F1 where the roles are as frequent as `odds` says.

    Args:
        statistic: higher for the minority, such as its probability.
        is_minority: (n,).
        otherwise: the answer where one of the roles has no images.
        odds: majority images to a minority image where the threshold is to be used.
    """
    if is_minority.all() or not is_minority.any():
        return otherwise
    from sklearn.metrics import roc_curve  # takes seconds to import

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
    shift[num_majority:] = -choose_threshold(statistic.astype(np.float64), labels >= num_majority, 0.0, odds)
    return shift


def f1_at_thresholds(record: Record, folder: RunFolder) -> tuple[float, float]:
    """Returns the test F1 of the minority role, its classes taken as one, where P(minority) decides.

    Returns:
        At one half, and at the threshold that validation chose for this run; NaN without validation images.

    Raises:
        RecordError: the predictions of the run are missing or damaged.
    """
    tensors, configuration = folder.tensors(record, PREDICTIONS), record.typed_configuration()
    num_majority = len(configuration.data.majority)
    is_minority = tensors["test/labels"] >= num_majority
    if not is_minority.any():
        return float("nan"), float("nan")
    from sklearn.metrics import f1_score

    probability = minority_probability(configuration, tensors["test/scores"])
    at_half = float(f1_score(is_minority, probability > 0.5, zero_division=0))
    if "validation/scores" not in tensors:
        return at_half, float("nan")
    validated = minority_probability(configuration, tensors["validation/scores"])
    is_minority_validated = tensors["validation/labels"] >= num_majority
    odds = odds_of(configuration.data, is_minority_validated)
    threshold = choose_threshold(validated, is_minority_validated, odds=odds)
    return at_half, float(f1_score(is_minority, probability >= threshold, zero_division=0))


def odds_of(data: Data, is_minority: npt.NDArray[np.bool_]) -> float:
    """Returns majority images to a minority image where a network is to decide: no test label is looked at.

    Args:
        data: declares how many images of a class are tested, as the papers' studies do; where it says a share or "all",
            the roles are taken to be as frequent as among validation images.
        is_minority: of validation images (n,); 1 is returned where one of the roles is missing.
    """
    if isinstance(data.test_majority, int) and isinstance(data.test_minority, int) and data.test_minority:
        return data.test_majority * len(data.majority) / (data.test_minority * len(data.minority))
    rare = int(is_minority.sum())
    return (len(is_minority) - rare) / rare if 0 < rare < len(is_minority) else 1.0
