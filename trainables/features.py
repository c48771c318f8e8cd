"""What a frozen backbone gives, computed once: (images, backbone, cut, weights, size) -> features.

A frozen backbone in evaluation maps an image to the same features in every epoch, as long as nothing changes the image
first. So features may stand for images where `applies` says so, and `fit` refuses them elsewhere.
"""

import hashlib
import json

import numpy as np
import numpy.typing as npt
import torch

from trainables import backbones
from trainables.configuration import SMALL_NETWORKS, Configuration, Network
from trainables.image_files import Pixels

BATCH = 32  # images


def applies(configuration: Configuration) -> bool:
    """Whether training on features is training on images: a frozen backbone that sees every image unchanged."""
    network, augmentation = configuration.network, configuration.augmentation
    return (
        network.name not in SMALL_NETWORKS
        and network.trainable == "head"
        and augmentation.transform == "none"
        and augmentation.mixup_alpha == 0
    )


def is_light(configuration: Configuration) -> bool:
    """Whether a step is a few milliseconds on a CPU core: a small network, or a head on features."""
    return configuration.network.name in SMALL_NETWORKS or applies(configuration)


def cache_key(fingerprint: str, network: Network, weights: str) -> str:
    """Returns the name under which features lie: content of images and weights, backbone and cut; no path, no head."""
    text = json.dumps([1, fingerprint, network.name, network.cut, weights])
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def compute(
    network: Network, state: backbones.State, pixels: Pixels, device: torch.device | str = "cpu"
) -> npt.NDArray[np.float32]:
    """Returns float32 features (images, units) of uint8 pixels (images, channels, height, width)."""
    frozen = network.model_copy(update={"trainable": "head"})
    backbone, units = backbones.build(frozen, state)
    backbone.to(device).to(memory_format=torch.channels_last).eval()
    features = np.empty((len(pixels), units), np.float32)
    with torch.inference_mode():
        for start in range(0, len(features), BATCH):
            some = torch.from_numpy(np.array(pixels[start : start + BATCH])).to(device)
            features[start : start + BATCH] = backbone(some.float() / 255).cpu().numpy()
    return features
