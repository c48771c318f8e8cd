"""How near the machine's limit training is: floating-point operations of an epoch against the matrix-product rate."""

import time
from pathlib import Path

import torch
from rich.table import Table
from torch.utils.flop_counter import FlopCounterMode

from study.studies import find
from trainables.configuration import Configuration, trains_on_features
from trainables.data import datasets, draw_split
from trainables.networks import backbones, features
from trainables.training.inputs import Inputs
from trainables.training.stack_training import StackTraining

CASES = {  # study -> arm, changes that make it run without a download
    "digits": ("final BN", {}),
    "table7": ("softmax CCE + final BN", {}),
    "weighted-bn": ("(i) WLF+pBN", {}),
    "table5": ("3 vs 8, ratio 0.01, final BN", {}),
    "table6": ("setting 1, final BN", {}),
    "figure2a": ("head, 10 per 1000, final BN", {"network.name": "resnet18", "network.cut": "layer3"}),
}
SIZE = 1024  # of the square matrices


def table(data_root: Path, weights: str | None) -> Table:
    """Returns one row per study: what one core reaches in an epoch of training and evaluation."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    rate = _matrix_products()
    found = Table(title=f"one core: {rate / 1e9:.0f} GFLOP/s in float32 matrix products", title_justify="left")
    for name in ("study", "arm", "GFLOP an epoch", "ms an epoch", "GFLOP/s", "share of the limit"):
        found.add_column(name, justify="left" if name in ("study", "arm") else "right")
    for study, (arm, changes) in CASES.items():
        configuration = find([study])[0].arm(arm).configuration.replace(changes)
        inputs = _inputs(configuration, data_root, weights)
        if inputs is not None:
            operations, seconds = _epoch(configuration, inputs)
            reached = operations / seconds
            numbers = (operations / 1e9, seconds * 1e3, reached / 1e9)
            found.add_row(study, arm, *(f"{n:.3g}" for n in numbers), f"{100 * reached / rate:.0f} %")
    torch.set_num_threads(threads)
    return found


def _matrix_products() -> float:
    a, b = torch.randn(2, SIZE, SIZE)
    best = float("inf")
    for _ in range(10):
        started = time.perf_counter()
        a @ b
        best = min(best, time.perf_counter() - started)
    return 2 * SIZE**3 / best


def _inputs(configuration: Configuration, data_root: Path, weights: str | None) -> Inputs | None:
    data, network = configuration.data, configuration.network
    if not datasets.is_available(data.source, data_root) or (trains_on_features(configuration) and weights is None):
        return None
    images = datasets.load_images(data.source, data_root, 32 if trains_on_features(configuration) else data.image_size)
    if not trains_on_features(configuration):
        return Inputs(images)
    identity, state = backbones.read_weights(Path(str(weights)))
    its = network.model_copy(update={"weights": identity})
    return Inputs(
        images, features=features.compute_features(its, state, images.pixels)
    )  # small images: the head costs the same


def _epoch(configuration: Configuration, inputs: Inputs) -> tuple[int, float]:
    """Returns the floating-point operations of one epoch with its evaluation, and its best time of five or 10 s."""
    split = draw_split(configuration.data, inputs.images, 0)
    training = StackTraining(configuration, inputs, {0: split}, torch.device("cpu"))
    with FlopCounterMode(display=False) as counter:
        training.run_epoch(1)
    best, spent, number = float("inf"), 0.0, 1
    while number <= 5 and spent < 10:
        number += 1
        started = time.perf_counter()
        training.run_epoch(number)
        took = time.perf_counter() - started
        best, spent = min(best, took), spent + took
    return counter.get_total_flops(), best
