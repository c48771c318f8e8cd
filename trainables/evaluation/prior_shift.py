"""Post-hoc logit adjustment: the scores of a trained network, for images of which a class is rarer or less rare.

    s_k + log p_k - log q_k        q the class shares that the network was trained with, p those where it is to decide

After Saerens, Latinne, Decaestecker (2002), Neural Computation 14, eq. 2.4; arXiv:2007.07314 sec. 4.1 for p all alike.
It costs no training, and changes a decision only where the odds of two classes change. A sigmoid output is the log
odds of its class against all others, so log odds take the place of the logs there.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from trainables.configuration import Configuration

Array = npt.NDArray[np.float64]


def adjusted_scores(
    output: str, scores: npt.NDArray[Any], trained: Sequence[float], deciding: Sequence[float]
) -> Array:
    """Returns the scores (n, classes) of a network that was trained with other class shares.

    Args:
        output: "softmax" or "sigmoid".
        scores: (n, classes) before that.
        trained: class shares or counts in training, (classes,), above 0.
        deciding: the same where the network is to decide.
    """
    shifts = _log_prior(output, deciding) - _log_prior(output, trained)
    return np.asarray(scores, dtype=np.float64) + shifts


def training_counts(configuration: Configuration) -> list[int] | None:
    """Returns how many images of each class train, majority first; None where a role's are not given as a number."""
    data = configuration.data
    counts = {"majority": data.train_majority, "minority": data.train_minority}
    of_classes = [counts[role] for role in data.roles]
    numbers = [count for count in of_classes if isinstance(count, int)]
    return numbers if len(numbers) == len(of_classes) else None


def is_plain(configuration: Configuration) -> bool:
    """Whether nothing in the training answers to rare classes: what the shares of the classes are still in."""
    loss = configuration.loss
    return (
        configuration.network.final_norm == "none"
        and loss.class_weights == "none"
        and loss.logit_adjustment == 0
        and configuration.schedule.sampling == "natural"
    )


def _log_prior(output: str, counts: Sequence[float]) -> Array:
    shares = np.asarray(counts, dtype=np.float64) / np.sum(counts)
    return np.asarray(np.log(shares) - np.log1p(-shares) if output == "sigmoid" else np.log(shares))
