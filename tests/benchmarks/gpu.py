"""What a GPU makes of the training core, without Ray: `python -m tests.benchmarks.gpu`, under eight minutes on a card.

It needs torch, torchvision, pydantic and safetensors, and prints Markdown. Four parts:

- `images`: images a second that a ResNet-34 and a VGG-19 train on at 224 pixels, in float32, TF32 and bfloat16, beside
  the same network trained from a DataLoader as torch's tutorials do it;
- `stacks`: a dense network, a head on features and the small CNN as stacks of 1, 10, 100, 1000 members: seconds an
  epoch, memory, and the share of a GPU that a trial of ten seeds takes;
- `studies`: all of `table7` and of frozen `figure2a`, every arm, one stack of its seeds after another;
- `limit`: the share of the device's matrix rate that training reaches.

Without a GPU it runs on the CPU, in a small size if `--small` is given; its numbers then say nothing about a GPU.
"""

import argparse
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
import torch
from torch.nn import functional as F
from torch.utils.data import DataLoader, TensorDataset

from study.studies import find
from trainables.configuration import Configuration, trains_on_features
from trainables.data import Images, datasets, draw_split
from trainables.networks import build_network, compute_features, read_weights, tf32
from trainables.training import Inputs, fit

PRECISIONS = ("float32", "tf32", "bfloat16")
ON_FEATURES = {"network.name": "resnet18", "network.trainable": "head", "network.weights": "sha256:0123456789abcdef"}
ROWS = {"dense": {"network.name": "dense"}, "head": ON_FEATURES, "cnn": {"network.name": "cnn"}}
FROZEN = {"network.name": "resnet18", "network.cut": "layer3"}
PARTS = ("images", "stacks", "studies", "limit")
WORKERS = 8  # of the DataLoader


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the parts that are asked for and prints a table each; returns the exit code."""
    args = _parser().parse_args(arguments)
    device = torch.device(args.device or ("cuda" if torch.cuda.is_available() else "cpu"))
    print(f"# {_name(device)}, torch {torch.__version__}{', small sizes' if args.small else ''}\n")
    if device.type == "cpu":
        print("No GPU: these numbers say that the script runs, and nothing about a GPU.\n")
    started = time.perf_counter()
    for part in args.only or PARTS:
        for line in _TABLES[part](device, args):
            print(line, flush=True)
        print(flush=True)
    print(f"{time.perf_counter() - started:.0f} seconds in all")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("tests.benchmarks.gpu", description=__doc__, allow_abbrev=False,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)  # fmt: skip
    add = parser.add_argument
    add("--device", choices=("cpu", "cuda"), help="default: cuda where there is one")
    add("--small", action="store_true", help="sizes for a CPU: it runs in a minute")
    add("--only", action="append", choices=PARTS, help="default: all four")
    add("--data-root", type=Path, default=Path.home() / ".cache" / "final-bn", help="MNIST and PlantVillage's Apple")
    add("--weights", type=Path, help="state dict of a ResNet-18 up to layer3, for figure2a")
    return parser


def _images_a_second(device: torch.device, args: argparse.Namespace) -> Iterator[str]:
    """A row per network and precision: our training and the tutorials', images a second, and the ratio."""
    side, num_images, batch = (16, 8, 4) if args.small else (224, 1024, 64)
    rng = np.random.default_rng(0)
    pixels = rng.integers(0, 256, (num_images + 4, 3, side, side), dtype=np.uint8)
    labels = np.arange(len(pixels)) % 2
    images = Images(pixels, labels, ("a", "b"), tuple(map(str, range(len(pixels)))))
    base = Configuration().replace(
        {"data.source": "mnist", "data.minority": "a", "data.majority": "b", "data.train_majority": num_images // 2,
         "data.train_minority": num_images // 2, "data.validation_majority": 1, "data.validation_minority": 1,
         "data.test_majority": 1, "data.test_minority": 1, "network.final_norm": "batch",
         "schedule.batch_size": batch}
    )  # fmt: skip
    epochs = 2 if args.small else 3
    yield "| network | precision | this project, images/s | DataLoader, images/s | times |"
    yield "|---|---|---:|---:|---:|"
    for name in ("resnet18",) if args.small else ("resnet34", "vgg19"):
        for precision in PRECISIONS:
            its = base.replace({"network.name": name, "network.precision": precision, "schedule.epochs": epochs})
            ours = _rate(_epochs_of_ours(its, images, device), num_images, device)
            theirs = _rate(_epochs_of_a_loader(its, pixels, labels, epochs, device), num_images, device)
            yield f"| {name} | {precision} | {ours:.0f} | {theirs:.0f} | {ours / theirs:.2f} |"


def _epochs_of_ours(configuration: Configuration, images: Images, device: torch.device) -> Iterator[None]:
    for _ in fit(configuration, Inputs(images), [0], device, held_out=()):
        yield


def _epochs_of_a_loader(
    configuration: Configuration, pixels: np.ndarray, labels: np.ndarray, epochs: int, device: torch.device
) -> Iterator[None]:
    """The tutorials' loop: decoded images in a data set, converted by workers, batch by batch to the device."""
    precision, size = configuration.network.precision, configuration.schedule.batch_size
    network = build_network(configuration.network, pixels.shape[1:], 2).to(device)
    optimiser = torch.optim.AdamW(network.parameters(), lr=1e-3)
    data = TensorDataset(torch.from_numpy(pixels[:-4]), torch.from_numpy(labels[:-4]))
    workers = WORKERS if device.type == "cuda" else 0
    loader = DataLoader(data, size, shuffle=True, num_workers=workers, drop_last=True, collate_fn=_converted,
                        persistent_workers=workers > 0, pin_memory=device.type == "cuda")  # fmt: skip
    for _ in range(epochs):
        for values, classes in loader:
            optimiser.zero_grad()
            with tf32(precision == "tf32"):
                with torch.autocast(device.type, torch.bfloat16, enabled=precision == "bfloat16"):
                    scores = network(values.to(device, non_blocking=True))
                F.cross_entropy(scores.float(), classes.to(device)).backward()
            optimiser.step()
        yield


def _converted(batch: list[tuple[torch.Tensor, torch.Tensor]]) -> tuple[torch.Tensor, torch.Tensor]:
    images, labels = zip(*batch, strict=True)
    return torch.stack(images).float() / 255, torch.stack(labels)


def _rate(epochs: Iterator[None], num_images: int, device: torch.device) -> float:
    """Returns images a second of the best epoch after the first."""
    next(epochs)
    best, started = float("inf"), _now(device)
    for _ in epochs:
        best, started = min(best, _now(device) - started), _now(device)
    return num_images / best


def _stacks(device: torch.device, args: argparse.Namespace) -> Iterator[str]:
    """A row per network and number of members: seconds an epoch and per member, memory, share of the card for ten."""
    digits = datasets.load_images("digits", args.data_root)
    side = 8 if args.small else 28
    pixels = np.repeat(np.repeat(np.asarray(digits.pixels), 4, axis=2), 4, axis=3)[:, :, :side, :side]
    images = Images(np.ascontiguousarray(pixels), digits.labels, digits.class_names, digits.sample_names)
    features = np.random.default_rng(0).normal(size=(len(digits.labels), 256)).astype(np.float32)
    yield "| network | members | s an epoch | ms an epoch and member | peak MiB | share of the device |"
    yield "|---|---:|---:|---:|---:|---:|"
    for name, changes in ROWS.items():
        configuration = Configuration().replace(
            {**changes, "network.final_norm": "batch", "schedule.epochs": 2 if args.small else 3}
        )
        inputs = Inputs(images, features=features if name == "head" else None)
        for members in (1, 4) if args.small else (1, 10, 100, 1000):
            if device.type == "cuda":
                torch.cuda.empty_cache()
                torch.cuda.reset_peak_memory_stats()
            try:
                seconds = _best_epoch(fit(configuration, inputs, range(members), device), device)
            except torch.cuda.OutOfMemoryError:
                yield f"| {name} | {members} | out of memory | | | |"
                continue
            peak, share = "", ""
            if device.type == "cuda":
                used = torch.cuda.max_memory_allocated()
                peak = f"{used / 2**20:.0f}"
                share = f"{used / torch.cuda.get_device_properties(device).total_memory:.3f}"
            yield f"| {name} | {members} | {seconds:.3f} | {1000 * seconds / members:.3f} | {peak} | {share} |"


def _studies(device: torch.device, args: argparse.Namespace) -> Iterator[str]:
    """A row per study: its arms and runs, what its features and its training took."""
    yield "| study | arms | runs | features s | training s | ms a run |"
    yield "|---|---:|---:|---:|---:|---:|"
    for name, source in (("table7", "mnist"), ("figure2a", "plantvillage:Apple")):
        if not datasets.is_available(source, args.data_root):
            yield f"| {name} | {source} is not in --data-root | | | | |"
            continue
        configurations = [arm.configuration for arm in find([name])[0].arms]
        seeds, of_features = range(10), 0.0
        if name == "figure2a":
            if args.weights is None:
                yield f"| {name} | no --weights | | | | |"
                continue
            configurations = [c.replace(FROZEN) for c in configurations if trains_on_features(c)]
        if args.small:
            configurations, seeds = [c.replace({"schedule.epochs": 1}) for c in configurations[:2]], range(2)
        images = datasets.load_images(source, args.data_root, configurations[0].data.image_size)
        inputs = Inputs(images)
        if name == "figure2a":
            identity, state = read_weights(args.weights)
            started = _now(device)
            network = configurations[0].network.model_copy(update={"weights": identity})
            splits = [draw_split(c.data, images, seed) for c in configurations for seed in seeds]
            drawn = np.unique(np.concatenate([np.concatenate([s.train, s.validation, s.test]) for s in splits]))
            some = compute_features(network, state, images.pixels[drawn], device)
            features = np.full((len(images.labels), some.shape[1]), np.nan, np.float32)
            features[drawn], of_features = some, _now(device) - started
            inputs = Inputs(images, features=features)
        started = _now(device)
        for configuration in configurations:
            for _ in fit(configuration, inputs, seeds, device):
                pass
        seconds, runs = _now(device) - started, len(configurations) * len(seeds)
        yield (
            f"| {name} | {len(configurations)} | {runs} | {of_features:.1f} | {seconds:.1f} | "
            f"{1000 * seconds / runs:.0f} |"
        )


def _limit(device: torch.device, args: argparse.Namespace) -> Iterator[str]:
    """A row per network: floating-point operations a second of training epochs, and their share of matrix products."""
    from torch.utils.flop_counter import FlopCounterMode

    digits = datasets.load_images("digits", args.data_root)
    yield "| network | members | precision | products, TFLOP/s | training, TFLOP/s | share |"
    yield "|---|---:|---|---:|---:|---:|"
    for precision in PRECISIONS:
        rate = _matrix_products(device, precision, 128 if args.small else 8192)
        for name in ("dense", "cnn"):
            members = 2 if args.small else 100
            changes = {"network.precision": precision, "network.name": name, "schedule.epochs": 2 if args.small else 4}
            configuration = Configuration().replace({**changes, "network.final_norm": "batch"})
            epochs = fit(configuration, Inputs(digits), range(members), device, held_out=())
            with FlopCounterMode(display=False) as counter:
                next(epochs)
            reached = counter.get_total_flops() / _best_epoch(epochs, device, warm=True)
            yield (
                f"| {name} | {members} | {precision} | {rate / 1e12:.3g} | {reached / 1e12:.3g} | "
                f"{100 * reached / rate:.1f} % |"
            )


def _matrix_products(device: torch.device, precision: str, size: int) -> float:
    a, b = torch.randn((2, size, size), device=device, dtype=torch.bfloat16 if precision == "bfloat16" else None)
    best = float("inf")
    with tf32(precision == "tf32"):
        for _ in range(10):
            started = _now(device)
            a @ b
            best = min(best, _now(device) - started)
    return 2 * size**3 / best


def _best_epoch(epochs: Iterator[object], device: torch.device, warm: bool = False) -> float:
    if not warm:
        next(epochs)
    best, started = float("inf"), _now(device)
    for _ in epochs:
        best, started = min(best, _now(device) - started), _now(device)
    return best


def _now(device: torch.device) -> float:
    if device.type == "cuda":
        torch.cuda.synchronize()
    return time.perf_counter()


def _name(device: torch.device) -> str:
    return torch.cuda.get_device_name() if device.type == "cuda" else "CPU"


_TABLES: dict[str, Callable[[torch.device, argparse.Namespace], Iterator[str]]] = {
    "images": _images_a_second, "stacks": _stacks, "studies": _studies, "limit": _limit,
}  # fmt: skip


if __name__ == "__main__":
    sys.exit(main())
