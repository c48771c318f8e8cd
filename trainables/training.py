"""One network being trained for one seed: data on the device, steps, evaluation with and without the final norm."""

import math
from collections import Counter
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from trainables import augmentation, losses, metrics, networks
from trainables.configuration import Configuration
from trainables.datasets import Images
from trainables.errors import ConfigurationError, NonFiniteLossError
from trainables.imbalance import Split, draw
from trainables.seeding import generator, seed_for

EVALUATION_BATCH = 512  # images; bounds memory, changes no result


@dataclass(frozen=True)
class Predictions:
    """Scores of a split before softmax or sigmoid: (n, classes); labels (n,); positions in the data set (n,)."""

    scores: Tensor
    labels: Tensor
    positions: Tensor


class Training:
    """The state of one training; `run_epoch` moves it on by an epoch."""

    def __init__(
        self,
        configuration: Configuration,
        images: Images,
        seed: int,
        device: torch.device,
        state: dict[str, Tensor] | None,
    ) -> None:
        self.configuration, self.seed, self.device = configuration, seed, device
        split = draw(configuration.data, images, seed)
        batch_size = configuration.schedule.batch_size
        if len(split.train) < batch_size:
            raise ConfigurationError(f"schedule.batch_size: got {batch_size}; only {len(split.train)} training images")
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed_for("initial weights", seed))
            self.network = networks.build(configuration.network, images.shape, len(configuration.data.classes))
        self.network.to(device)
        self.optimiser = _make_optimiser(self.network, configuration)
        self.data = {part: _to_device(images, split, part, device) for part in ("train", "validation", "test")}
        counts = torch.bincount(self.data["train"].labels, minlength=len(configuration.data.classes)).float()
        self.class_weights = losses.class_weights(configuration.loss, counts)
        self.predictions: dict[str, Predictions] = {}
        self.batch_composition: dict[str, int] = Counter()
        if state is not None:
            self._restore(state)

    def run_epoch(self, number: int) -> dict[str, float]:
        """Trains one epoch, evaluates, and returns {"split/metric/class": value}.

        Raises:
            NonFiniteLossError: the mean loss of the epoch is not finite.
        """
        devices = [self.device] if self.device.type == "cuda" else []
        with torch.random.fork_rng(devices=devices):
            torch.manual_seed(seed_for("dropout", self.seed, number))
            loss = self._train(number)
        if not math.isfinite(loss):
            raise NonFiniteLossError(self.seed, number, loss)
        return {metrics.metric_key("train", "loss"): loss, **self._evaluate()}

    def _train(self, number: int) -> float:
        config, data = self.configuration, self.data["train"]
        size, count = config.schedule.batch_size, len(data.labels)
        order = torch.randperm(count, generator=generator("order", self.seed, number)).to(self.device)
        order = order[: count - count % size]
        self._count_minority(data.labels[order].view(-1, size))
        draws = generator("augmentation", self.seed, number, device=self.device)
        alpha = config.augmentation.mixup_alpha
        if alpha:
            seed = seed_for("mixup", self.seed, number)
            shares = augmentation.mixup_shares(alpha, len(order), seed).to(self.device).split(size)
        one_hot = torch.eye(len(config.data.classes), device=self.device)
        total = torch.zeros((), device=self.device)
        self.network.train()
        for step, batch in enumerate(order.split(size)):
            images, targets = data.batch(batch), one_hot[data.labels[batch]]
            images = augmentation.transform(images, config.augmentation.transform, draws)
            if alpha:
                images, targets = augmentation.mixup(images, targets, shares[step])
            per_image = losses.per_image(self.network(images), targets, config.loss, config.network)
            loss = losses.weighted_mean(per_image, targets, self.class_weights)
            self.optimiser.zero_grad()
            loss.backward()
            self.optimiser.step()
            total += loss.detach()
        return float(total / (step + 1))

    @torch.no_grad()
    def _evaluate(self) -> dict[str, float]:
        """Measures both held-out splits, with the final norm and (where there is one) without; keeps the scores."""
        config = self.configuration
        result: dict[str, float] = {}
        has_norm = config.network.final_norm != "none"
        self.network.eval()
        for split in ("validation", "test"):
            data = self.data[split]
            if not len(data.labels):
                continue
            batches = torch.arange(len(data.labels), device=self.device).split(EVALUATION_BATCH)
            removed = torch.cat([self.network.scores(data.batch(batch)) for batch in batches])
            scores = {split: self.network.final_norm(removed)}
            if has_norm:
                scores[f"{split}-removed"] = removed
            one_hot = torch.eye(removed.shape[1], device=self.device)[data.labels]
            for name, value in scores.items():
                loss = losses.per_image(value, one_hot, config.loss, config.network).mean()
                values = metrics.measure(
                    losses.probabilities(value, config.network.output).cpu().numpy(),
                    data.labels.cpu().numpy(), config.data.classes, config.data.roles,
                )  # fmt: skip
                result |= {f"{name}/{key}": measured for key, measured in values.items()}
                result[metrics.metric_key(name, "loss")] = float(loss)
                self.predictions[name] = Predictions(value.cpu(), data.labels.cpu(), data.positions)
        return result

    def weights(self) -> dict[str, Tensor]:
        """Returns the state dict on the CPU."""
        return {name: value.detach().cpu() for name, value in self.network.state_dict().items()}

    def state(self) -> dict[str, Tensor]:
        """Returns weights, optimiser state and batch composition as flat tensors (clones)."""
        state = {f"network/{name}": value.clone() for name, value in self.weights().items()}
        for index, values in self.optimiser.state_dict()["state"].items():
            state |= {f"optimiser/{index}/{name}": value.cpu().clone() for name, value in values.items()}
        composition = sorted((int(images), batches) for images, batches in self.batch_composition.items())
        return state | {"composition": torch.tensor(composition, dtype=torch.int64)}

    def _restore(self, state: dict[str, Tensor]) -> None:
        network = {n.removeprefix("network/"): v for n, v in state.items() if n.startswith("network/")}
        self.network.load_state_dict(network)
        moments: dict[int, dict[str, Tensor]] = {}
        for name, value in state.items():
            if name.startswith("optimiser/"):
                _, index, moment = name.split("/")
                moments.setdefault(int(index), {})[moment] = value
        groups = self.optimiser.state_dict()["param_groups"]
        self.optimiser.load_state_dict({"state": moments, "param_groups": groups})
        self.batch_composition.update({str(images): int(batches) for images, batches in state["composition"].tolist()})

    def _count_minority(self, labels: Tensor) -> None:
        """Adds the batches of labels (batches, batch) to {minority images in it: batches}."""
        first_minority = len(self.configuration.data.majority)
        images, batches = torch.unique((labels >= first_minority).sum(dim=1), return_counts=True)
        for count, number in zip(images.tolist(), batches.tolist(), strict=True):
            self.batch_composition[str(count)] = self.batch_composition.get(str(count), 0) + number


@dataclass(frozen=True)
class _Part:
    """One split on the device: uint8 pixels (n, c, h, w), labels (n,), positions in the data set (n,)."""

    pixels: Tensor
    labels: Tensor
    positions: Tensor

    def batch(self, indices: Tensor) -> Tensor:
        """Returns float images (batch, c, h, w) in [0, 1]."""
        return self.pixels[indices].float() / 255


def _to_device(images: Images, split: Split, part: str, device: torch.device) -> _Part:
    positions: npt.NDArray[np.int64] = getattr(split, part)
    pixels = torch.from_numpy(images.pixels[positions]).to(device)
    return _Part(pixels, torch.from_numpy(split.classes[positions]).to(device), torch.from_numpy(positions))


def _make_optimiser(network: nn.Module, configuration: Configuration) -> torch.optim.Optimizer:
    """AdamW; no weight decay on norms and biases (their tensors have one dimension)."""
    parameters = [parameter for parameter in network.parameters() if parameter.requires_grad]
    settings = configuration.optimiser
    groups = [
        {"params": [p for p in parameters if p.ndim > 1], "weight_decay": settings.weight_decay},
        {"params": [p for p in parameters if p.ndim <= 1], "weight_decay": 0.0},
    ]
    return torch.optim.AdamW(groups, lr=settings.learning_rate, fused=True)
