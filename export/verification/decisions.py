"""Which images do two runs of a network decide differently, ties apart?"""

import numpy as np
import numpy.typing as npt

TIE = 1e-6  # in probability: where the two best are this close, rounding decides


def decided_differently(
    outputs: npt.NDArray[np.floating], reference: npt.NDArray[np.floating]
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Returns the positions of images that are decided otherwise, and of those that are ties in the reference.

    Args:
        outputs: probabilities (n, classes) of one run.
        reference: probabilities (n, classes) of the other, which says what a tie is.
    """
    differs = outputs.argmax(axis=1) != reference.argmax(axis=1)
    second, first = np.sort(reference, axis=1)[:, -2:].T
    is_tie = first - second <= TIE
    return np.flatnonzero(differs & ~is_tie), np.flatnonzero(differs & is_tie)
