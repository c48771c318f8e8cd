"""Scores -> probabilities, and P(minority) where the classes of a role count as one.

training/losses.py has the same first formula in torch, where gradients are needed; a test holds the two together.
"""

from typing import Any

import numpy as np
import numpy.typing as npt

from trainables.configuration import Configuration

Array = npt.NDArray[np.float64]


def probabilities_of(output: str, scores: npt.NDArray[Any]) -> Array:
    """Returns probabilities (n, classes) of scores (n, classes), in float64.

    softmax: p_k = exp(s_k) / sum_j exp(s_j). sigmoid: p_k = 1 / (1 + exp(-s_k)), one output a class, which need not sum
    to 1 (K21 = arXiv:2109.09016, Table 7).
    """
    from scipy.special import expit, softmax  # a tenth of a second to import

    scores = np.asarray(scores, dtype=np.float64)
    return np.asarray(expit(scores) if output == "sigmoid" else softmax(scores, axis=1))


def minority_probability(configuration: Configuration, scores: npt.NDArray[Any]) -> Array:
    """Returns P(minority), (n,), of scores (n, classes), majority classes first: the minority's share of all outputs.

        P(minority) = sum of p_k over the minority classes / sum of p_k over all classes

    Softmax outputs sum to 1, so that it is the sum of the minority's (K21 Table 3). Sigmoid outputs do not, and with
    them the share is above one half where the minority's outputs together are above the majority's: with two classes it
    decides as argmax does. NaN where all outputs are 0.
    """
    p = probabilities_of(configuration.network.output, scores)
    num_majority = len(configuration.data.majority)
    return np.asarray(p[:, num_majority:].sum(axis=1) / p.sum(axis=1))
