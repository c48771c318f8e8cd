"""The nearest ready-made implementation of the idea: fastai's `vision_learner(..., bn_final=True)` on Apple leaves.

Runs in an environment of its own (`python -m venv fastai && fastai/bin/pip install fastai`) and imports nothing of this
project: `fastai/bin/python tests/benchmarks/fastai_peer.py --data-root DIR --weights FILE --epochs E --output FILE`.
The same work as `figure2a` at 10 per 1000: both arms, one seed, a frozen ResNet-18 up to layer3, 224 pixels, batch 64.
"""

import argparse
import json
import random
from pathlib import Path

import torch
from fastai.vision.all import (
    CategoryBlock,
    DataBlock,
    F1Score,
    ImageBlock,
    IndexSplitter,
    Normalize,
    Resize,
    imagenet_stats,
    vision_learner,
)  # fmt: skip
from sklearn.metrics import f1_score
from torchvision.models import resnet18

COUNTS = {"train": (1000, 10), "validation": (150, 7), "test": (150, 150)}  # healthy, unhealthy


def _draw(root: Path, seed: int) -> dict[str, list[tuple[Path, str]]]:
    rng, folders = random.Random(seed), sorted((root / "plantvillage" / "color").glob("Apple___*"))
    healthy = [path for folder in folders if folder.name.endswith("healthy") for path in sorted(folder.iterdir())]
    sick = [path for folder in folders if not folder.name.endswith("healthy") for path in sorted(folder.iterdir())]
    pools = (rng.sample(healthy, len(healthy)), rng.sample(sick, len(sick)))
    names = ("healthy", "unhealthy")
    return {part: [(pools[k].pop(), names[k]) for k in (0, 1) for _ in range(n[k])] for part, n in COUNTS.items()}


def main() -> None:
    """Trains none and final BN and writes {"none" | "batch": [test F1 of the minority]}."""
    parser = argparse.ArgumentParser()
    for name, kind in (("data-root", Path), ("weights", str), ("epochs", int), ("output", Path)):
        parser.add_argument(f"--{name}", type=kind, required=True)
    args = parser.parse_args()
    state = torch.load(args.weights, weights_only=True)  # noqa: TID251  tensors only
    parts = _draw(args.data_root, seed=0)
    items = parts["train"] + parts["validation"]
    block = DataBlock(
        blocks=(ImageBlock, CategoryBlock(vocab=["healthy", "unhealthy"])),
        get_x=lambda item: item[0], get_y=lambda item: item[1],
        splitter=IndexSplitter(list(range(len(parts["train"]), len(items)))), item_tfms=Resize(224),
        batch_tfms=Normalize.from_stats(*imagenet_stats),
    )  # fmt: skip
    found = {}
    for arm, bn_final in (("none", False), ("batch", True)):
        loaders = block.dataloaders(items, bs=64, num_workers=0)
        learner = vision_learner(loaders, resnet18, pretrained=False, cut=-3, bn_final=bn_final, metrics=F1Score())
        kept = ("conv1", "bn1", "layer1", "layer2", "layer3")
        names = [key for key in resnet18().state_dict() if key.split(".")[0] in kept]
        own = learner.model[0].state_dict()
        loaded = {mine: state[key] for mine, key in zip(own, names, strict=True) if key in state}
        learner.model[0].load_state_dict(loaded, strict=False)
        learner.freeze()
        with learner.no_bar(), learner.no_logging():
            learner.fit_one_cycle(args.epochs, 1e-2)
            test = loaders.test_dl([item for item in parts["test"]])
            decided = learner.get_preds(dl=test)[0].argmax(dim=1).tolist()
        found[arm] = [float(f1_score([label == "unhealthy" for _, label in parts["test"]], decided, zero_division=0))]
    args.output.write_text(json.dumps(found))


if __name__ == "__main__":
    main()
