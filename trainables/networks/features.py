"""What a frozen backbone gives, computed once: (images, backbone, cut, weights, size) -> features.

A frozen backbone in evaluation maps an image to the same features in every epoch, as long as nothing changes the image
first. So features may stand for images where `trains_on_features` says so, and `fit` refuses them elsewhere.
"""

import hashlib
import json

import numpy as np
import numpy.typing as npt
import torch

from trainables.configuration import Network
from trainables.data import Pixels
from trainables.networks import backbones

BATCH = 32  # images at a time


def features_name(fingerprint: str, network: Network, weights: str) -> str:
    """Returns the name under which features lie: content of images and weights, backbone and cut; no path, no head."""
    pool = [] if network.pool == "average" else [network.pool]
    text = json.dumps([1, fingerprint, network.name, network.cut, weights, *pool])
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def compute_features(
    network: Network, state: backbones.BackboneState, pixels: Pixels, device: torch.device | str = "cpu"
) -> npt.NDArray[np.float32]:
    """Returns float32 features (images, units) of uint8 pixels (images, channels, height, width)."""
    frozen = network.model_copy(update={"trainable": "head"})
    backbone, units = backbones.build_backbone(frozen, state)
    backbone.to(device).to(memory_format=torch.channels_last).eval()
    features = np.empty((len(pixels), units), np.float32)
    with torch.inference_mode():
        for start in range(0, len(features), BATCH):
            batch = torch.from_numpy(np.array(pixels[start : start + BATCH])).to(device)
            features[start : start + BATCH] = backbone(batch.float() / 255).cpu().numpy()
    return features
