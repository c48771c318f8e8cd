"""The same work as the documentation of Ray Tune, torchvision and MLflow suggests it: what this project is compared to.

One function trial per seed, default settings: torchvision data sets with transforms, a DataLoader, Ray's MLflow
callback, scikit-learn's F1. It does a little less than a run of this project: nothing is evaluated with the norm
removed, no calibration, no weights, predictions or records are kept.
Run as `python -m tests.benchmarks.peer WORK --data-root DIR [--weights FILE] --seeds N [--first-seed N] --epochs E
--output FILE`.
"""

import argparse
import json
import random
import tempfile
from pathlib import Path
from typing import Any

import torch
from ray import tune
from ray.air.integrations.mlflow import MLflowLoggerCallback
from sklearn.metrics import f1_score
from torch import nn
from torch.utils.data import DataLoader, Subset
from torchvision import datasets, models, transforms

COUNTS = {"train": (1000, 10), "validation": (150, 7), "test": (150, 150)}  # majority, minority
Part = list[tuple[int, int]]  # (index in the data set, class)


def _split(pools: dict[str, tuple[list[int], list[int]]], seed: int) -> dict[str, Part]:
    """Draws the parts of COUNTS; pools with the same name share images and are dealt without overlap."""
    rng, parts = random.Random(seed), {}
    shuffled = {name: [rng.sample(pool, len(pool)) for pool in both] for name, both in pools.items()}
    for part, counts in COUNTS.items():
        pool = shuffled["test" if part == "test" and "test" in shuffled else "train"]
        parts[part] = [(pool[k].pop(), k) for k in (0, 1) for _ in range(counts[k])]
    return parts


class _Labelled(torch.utils.data.Dataset[tuple[Any, int]]):
    def __init__(self, source: torch.utils.data.Dataset[Any], part: Part) -> None:
        self.images, self.labels = Subset(source, [index for index, _ in part]), [label for _, label in part]

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, index: int) -> tuple[Any, int]:
        return self.images[index][0], self.labels[index]


def _mnist(root: str, seed: int) -> dict[str, "_Labelled"]:
    sources = {
        name: datasets.MNIST(root, train=name == "train", transform=transforms.ToTensor()) for name in ("train", "test")
    }
    pools: dict[str, tuple[list[int], list[int]]] = {}
    for name, source in sources.items():
        labels = source.targets.tolist()
        eights, threes = ([i for i, label in enumerate(labels) if label == digit] for digit in (8, 3))
        pools[name] = (eights, threes)
    parts = _split(pools, seed)
    return {part: _Labelled(sources["test" if part == "test" else "train"], its) for part, its in parts.items()}


def _apple(root: str, seed: int) -> dict[str, "_Labelled"]:
    normalise = transforms.Normalize([0.485, 0.456, 0.406], [0.229, 0.224, 0.225])
    steps = [transforms.Resize((224, 224)), transforms.ToTensor(), normalise]
    source = datasets.ImageFolder(f"{root}/plantvillage/color", transform=transforms.Compose(steps))
    apple = [(i, source.classes[label]) for i, (_, label) in enumerate(source.samples)]
    healthy = [i for i, name in apple if name == "Apple___healthy"]
    sick = [i for i, name in apple if name.startswith("Apple") and name != "Apple___healthy"]
    return {part: _Labelled(source, its) for part, its in _split({"train": (healthy, sick)}, seed).items()}


def _dense(norm: bool) -> nn.Module:
    layers = [nn.Flatten(), nn.Linear(784, 128), nn.ReLU(), nn.Linear(128, 2)]
    return nn.Sequential(*layers, *([nn.BatchNorm1d(2)] if norm else []))


def _cnn(norm: bool) -> nn.Module:
    layers: list[nn.Module] = []
    for before, after in ((1, 16), (16, 16), (0, 0), (16, 32), (32, 32), (0, 0), (32, 64)):
        layers += [nn.Conv2d(before, after, 3, padding=1), nn.ReLU()] if after else [nn.MaxPool2d(2)]
    layers += [nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(64, 2)]
    return nn.Sequential(*layers, *([nn.BatchNorm1d(2)] if norm else []))


def _frozen(norm: bool, weights: str) -> nn.Module:
    resnet = models.resnet18(weights=None)
    resnet.load_state_dict(torch.load(weights, weights_only=True), strict=False)  # noqa: TID251 as documented
    backbone = nn.Sequential(*list(resnet.children())[:7]).requires_grad_(False)  # up to layer3
    backbone.eval()
    backbone.train = lambda mode=True: backbone  # type: ignore[method-assign]  # eval() calls it: not before
    head = [nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.BatchNorm1d(256), nn.Dropout(0.25), nn.Linear(256, 512),
            nn.ReLU(), nn.BatchNorm1d(512), nn.Dropout(0.5), nn.Linear(512, 2)]  # fmt: skip
    return nn.Sequential(backbone, *head, *([nn.BatchNorm1d(2)] if norm else []))


def train(config: dict[str, Any]) -> None:
    """The function trainable."""
    work, seed = config["work"], config["seed"]
    torch.manual_seed(seed)
    parts = _apple(config["data_root"], seed) if work == "figure2a" else _mnist(config["data_root"], seed)
    norm = config["norm"] == "batch"
    model = {"table7": _dense, "table5": _cnn}[work](norm) if work != "figure2a" else _frozen(norm, config["weights"])
    loaders = {
        part: DataLoader(data, batch_size=64, shuffle=part == "train", drop_last=part == "train")
        for part, data in parts.items()
    }
    trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
    optimiser = torch.optim.AdamW(trained, lr=1e-2 if work == "figure2a" else 1e-3, weight_decay=0.0)
    cycle = None
    if work == "figure2a":
        cycle = torch.optim.lr_scheduler.OneCycleLR(
            optimiser, max_lr=1e-2, total_steps=len(loaders["train"]) * config["epochs"]
        )
    loss_of = nn.CrossEntropyLoss()
    for _ in range(config["epochs"]):
        model.train()
        for images, labels in loaders["train"]:
            optimiser.zero_grad()
            loss = loss_of(model(images), labels)
            loss.backward()
            optimiser.step()
            if cycle is not None:
                cycle.step()
        tune.report({"loss": loss.item(), **_evaluate(model, loaders)})


@torch.no_grad()
def _evaluate(model: nn.Module, loaders: "dict[str, DataLoader[Any]]") -> dict[str, float]:
    model.eval()
    result = {}
    for part in ("validation", "test"):
        decided, true = [], []
        for images, labels in loaders[part]:
            decided += model(images).argmax(dim=1).tolist()
            true += labels.tolist()
        result[f"{part}_f1"] = float(f1_score(true, decided, zero_division=0))
    return result


def main() -> None:
    """Runs none and final BN for some seeds and writes {"none" | "batch": [test F1 of the minority per seed]}."""
    parser = argparse.ArgumentParser()
    parser.add_argument("work", choices=["table7", "table5", "figure2a"])
    for name, kind in (("data-root", str), ("weights", str), ("seeds", int), ("first-seed", int), ("epochs", int),
                       ("output", str)):  # fmt: skip
        parser.add_argument(f"--{name}", type=kind)
    parser.set_defaults(first_seed=0)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        space = {
            "work": args.work, "epochs": args.epochs, "data_root": args.data_root, "weights": args.weights,
            "norm": tune.grid_search(["none", "batch"]),
            "seed": tune.grid_search(list(range(args.first_seed, args.first_seed + args.seeds))),
        }  # fmt: skip
        logger = MLflowLoggerCallback(tracking_uri=f"sqlite:///{folder}/mlflow.db", experiment_name="peer")
        config = tune.RunConfig(storage_path=folder, callbacks=[logger])
        results = tune.Tuner(train, param_space=space, run_config=config).fit()
    found: dict[str, list[float]] = {"none": [], "batch": []}
    for result in results:
        if result.error or result.config is None or result.metrics is None:
            raise SystemExit(f"a trial failed: {result.error}")
        found[result.config["norm"]].append(result.metrics["test_f1"])
    Path(args.output).write_text(json.dumps(found))


if __name__ == "__main__":
    main()
