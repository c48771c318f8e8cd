"""What a training needs besides its configuration."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from trainables.data import Images


@dataclass(frozen=True)
class Inputs:
    """What a training needs besides its configuration.

    Attributes:
        images: the data set.
        backbone: state dict of the backbone, where the network has one with given weights.
        features: float32 (images, units): what the frozen backbone gives for every image (`networks.compute_features`).
    """

    images: Images
    backbone: Mapping[str, npt.NDArray[np.float32]] | None = None
    features: npt.NDArray[np.float32] | None = None
