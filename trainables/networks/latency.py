"""How long a network takes for one image: what a device without a batch would wait."""

import time
from statistics import median

import torch

from trainables.configuration import Configuration, has_backbone
from trainables.networks import classifier

RUNS = 30


@torch.inference_mode()
def latency(configuration: Configuration, image_shape: tuple[int, int, int]) -> float:
    """Returns the median time in ms of one image through the whole network in PyTorch, on one CPU thread.

    The weights do not matter, so an untrained network is timed; a backbone counts even where training is on features,
    and the final norm does not: a deployed file has it folded into the layer before it (`python -m export`).
    """
    network = configuration.network.model_copy(update={"final_norm": "none"})
    if has_backbone(network.name):
        network = network.model_copy(update={"weights": "none", "trainable": "all"})
    model = classifier.build_network(network, image_shape, len(configuration.data.classes)).eval()
    image, threads, times = torch.rand(1, *image_shape), torch.get_num_threads(), []
    torch.set_num_threads(1)
    for _ in range(RUNS):
        started = time.perf_counter()
        model(image)
        times.append(time.perf_counter() - started)
    torch.set_num_threads(threads)
    return 1000 * median(times)
