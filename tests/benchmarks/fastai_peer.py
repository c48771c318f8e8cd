"""The nearest ready-made implementation of the idea: fastai's `vision_learner(..., bn_final=True)` on Apple leaves.

Runs in an environment of its own (`python -m venv fastai && fastai/bin/pip install fastai`) and imports nothing of this
project: `fastai/bin/python tests/benchmarks/fastai_peer.py --data-root DIR --weights FILE --epochs E --seed N --output
FILE`. The work of `figure2a` at 10 per 1000 with a final BN: one seed, frozen ResNet-18 up to layer3, 224 pixels, batch
64.
"""

import argparse
import json
import random
from pathlib import Path

import torch
from fastai.vision.all import (
    BnFreeze,
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


def _up_to_layer3(pretrained: bool) -> torch.nn.Module:
    network: torch.nn.Module = resnet18(weights=None)  # cut here: vision_learner(cut=...) is handed on to nobody
    del network.layer4
    return network


def main() -> None:
    """Trains the final BN of one seed and writes {"none": [], "batch": [test F1 of the minority]}."""
    parser = argparse.ArgumentParser()
    for name, kind in (("data-root", Path), ("weights", str), ("epochs", int), ("seed", int), ("output", Path)):
        parser.add_argument(f"--{name}", type=kind, required=True)
    args = parser.parse_args()
    state = torch.load(args.weights, weights_only=True)  # noqa: TID251  tensors only
    parts = _draw(args.data_root, args.seed)
    label_of = dict(item for part in parts.values() for item in part)
    items = [path for path, _ in parts["train"] + parts["validation"]]
    block = DataBlock(
        blocks=(ImageBlock, CategoryBlock(vocab=["healthy", "unhealthy"])),
        get_y=label_of.get,
        splitter=IndexSplitter(list(range(len(parts["train"]), len(items)))), item_tfms=Resize(224),
        batch_tfms=Normalize.from_stats(*imagenet_stats),
    )  # fmt: skip
    torch.manual_seed(args.seed)
    loaders = block.dataloaders(items, bs=64, num_workers=0)
    learner = vision_learner(
        loaders, _up_to_layer3, pretrained=False, bn_final=True, metrics=F1Score(), train_bn=False, cbs=BnFreeze()
    )
    kept = ("conv1", "bn1", "layer1", "layer2", "layer3")
    names = [key for key in resnet18().state_dict() if key.split(".")[0] in kept]
    own = learner.model[0].state_dict()
    loaded = {mine: state[key] for mine, key in zip(own, names, strict=True) if key in state}
    learner.model[0].load_state_dict(loaded, strict=False)
    learner.freeze()
    with learner.no_bar(), learner.no_logging():
        learner.fit_one_cycle(args.epochs, 1e-2)
        decided = learner.get_preds(dl=loaders.test_dl([path for path, _ in parts["test"]]))[0].argmax(dim=1).tolist()
    f1 = float(f1_score([label == "unhealthy" for _, label in parts["test"]], decided, zero_division=0))
    args.output.write_text(json.dumps({"none": [], "batch": [f1]}))


if __name__ == "__main__":
    main()
