"""What is the network: backbone, body, dense layer, final norm?"""

from trainables.networks.backbones import (
    IMAGENET,
    BackboneState,
    build_backbone,
    check_backbone,
    download_imagenet,
    read_weights,
    shared_weights_name,
)
from trainables.networks.classifier import Classifier, build_network
from trainables.networks.features import compute_features, features_name
from trainables.networks.latency import latency
from trainables.networks.own_network import check_own_network
from trainables.networks.precision import lower_precision, tf32
from trainables.networks.stack import Stack

__all__ = [
    "IMAGENET",
    "BackboneState",
    "Classifier",
    "Stack",
    "build_backbone",
    "build_network",
    "check_backbone",
    "check_own_network",
    "compute_features",
    "download_imagenet",
    "features_name",
    "latency",
    "lower_precision",
    "read_weights",
    "shared_weights_name",
    "tf32",
]
