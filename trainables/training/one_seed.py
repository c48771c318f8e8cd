"""One network being trained for one seed: data on the device, steps, evaluation with and without the final norm."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from trainables.configuration import SMALL_NETWORKS, Configuration, trains_on_features
from trainables.data import draw_split
from trainables.errors import ConfigurationError, NonFiniteLossError
from trainables.evaluation import measure, metric_key
from trainables.final_norm import averaging_statistics, scale_and_shift, weighted_norms
from trainables.networks import build_network
from trainables.seeding import generator, seed_for
from trainables.training import augmentation, losses
from trainables.training.batches import to_device
from trainables.training.inputs import Inputs
from trainables.training.optimisation import Optimisation

HELD_OUT = ("validation", "test")
EVALUATION_BATCH = 512  # images of a small network; bounds memory, changes no result
EVALUATION_BATCH_BACKBONE = 32


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
        inputs: Inputs,
        seed: int,
        device: torch.device,
        state: dict[str, Tensor] | None,
        held_out: Sequence[str] = HELD_OUT,
    ) -> None:
        self.configuration, self.seed, self.device, self.held_out = configuration, seed, device, held_out
        on_features = inputs.features is not None
        if on_features and not trains_on_features(configuration):
            raise ValueError("features of a frozen backbone stand for unchanged images only")
        split = draw_split(configuration.data, inputs.images, seed)
        self.data = {part: to_device(inputs, split, part, device) for part in ("train", *held_out)}
        self.steps_per_epoch = _steps_per_epoch(configuration, len(split.train))
        num_classes = len(configuration.data.classes)
        shape = inputs.features.shape[1:] if inputs.features is not None else inputs.images.shape
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed_for("initial weights", seed))
            self.network = build_network(configuration.network, shape, num_classes, inputs.backbone, on_features)
        # convolutions: 1.4 times faster on a CPU for the cnn, 1.2 to 1.4 for ResNets; equal up to rounding
        self.network.to(device).to(memory_format=torch.channels_last)
        total_steps = self.steps_per_epoch * configuration.schedule.epochs
        self.optimisation = Optimisation(self.network, configuration, total_steps)
        self.weighted_norms = weighted_norms(self.network)
        counts = torch.bincount(self.data["train"].labels, minlength=num_classes).float()
        self.class_weights = losses.class_weights(configuration.loss, counts)
        self.adjustment = losses.logit_adjustment(configuration.loss, counts)
        self.predictions: dict[str, Predictions] = {}
        self._frozen_features: dict[str, list[Tensor]] = {}
        self.batch_composition: dict[str, int] = {}
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
        return {metric_key("train", "loss"): loss, **self._evaluate()}

    def _train(self, number: int) -> float:
        config = self.configuration
        order = self._order(number)
        self._count_minority(self.data["train"].labels[order].view(self.steps_per_epoch, -1))
        total = torch.zeros((), device=self.device)
        self.network.train()
        for images, targets in self._batches(order, number):
            for norm in self.weighted_norms:
                norm.image_weights = targets @ self.class_weights
            scores = self.network(images) + self.adjustment
            per_label = losses.per_label(scores, config.loss, config.network)
            loss = losses.weighted_mean(per_label, targets, self.class_weights)
            self.optimisation.step(loss)
            total += loss.detach()
        if self.weighted_norms:
            self._average_statistics(order, number)
        return float(total / self.steps_per_epoch)

    def _order(self, number: int) -> Tensor:
        """Returns the images of an epoch's steps: as many shuffled passes as the steps take, the rest dropped.

        With balanced sampling each image is drawn anew, every class with the same probability.
        """
        draws, labels = generator("order", self.seed, number), self.data["train"].labels
        count, needed = len(labels), self.steps_per_epoch * self.configuration.schedule.batch_size
        if self.configuration.schedule.sampling == "balanced":
            chances = 1 / torch.bincount(labels).float()[labels]
            return torch.multinomial(chances.cpu(), needed, replacement=True, generator=draws).to(self.device)
        passes = [torch.randperm(count, generator=draws) for _ in range(-(-needed // count))]
        return torch.cat(passes)[:needed].to(self.device)

    def _batches(self, order: Tensor, number: int) -> Iterator[tuple[Tensor, Tensor]]:
        """Yields augmented and mixed images (batch, ...) and their targets (batch, classes)."""
        config, data = self.configuration, self.data["train"]
        size, alpha = config.schedule.batch_size, config.augmentation.mixup_alpha
        one_hot = torch.eye(len(config.data.classes), device=self.device)
        draws = generator("augmentation", self.seed, number, device=self.device)
        shares = augmentation.mixup_shares(alpha, len(order), seed_for("mixup", self.seed, number)) if alpha else None
        for step, (images, labels) in enumerate(data.batches(order, size)):
            images = augmentation.transform(images, config.augmentation.transform, draws)
            targets = one_hot[labels]
            if shares is not None:
                mixing = shares[step * size : (step + 1) * size].to(self.device)
                images, targets = augmentation.mixup(images, targets, mixing)
            yield images, targets

    @torch.no_grad()
    def _average_statistics(self, order: Tensor, number: int) -> None:
        """Gives Y19's norms the means over one more pass through the epoch's batches, with the weights as they are."""
        with averaging_statistics(self.weighted_norms):
            for images, targets in self._batches(order, number):
                for norm in self.weighted_norms:
                    norm.image_weights = targets @ self.class_weights
                self.network(images)

    @torch.no_grad()
    def _evaluate(self) -> dict[str, float]:
        """Measures the held-out splits, with the final norm and (where there is one) without; keeps the scores."""
        config = self.configuration
        result: dict[str, float] = {}
        has_norm = config.network.final_norm != "none"
        self.network.eval()
        for split in self.held_out:
            data = self.data[split]
            if not len(data.labels):
                continue
            removed = torch.cat([self.network.head_scores(features) for features in self._features(split)])
            scores = {split: self.network.final_norm(removed)}
            if has_norm:
                scores[f"{split}-removed"] = removed
            one_hot = torch.eye(removed.shape[1], device=self.device)[data.labels]
            for name, value in scores.items():
                loss = (one_hot * losses.per_label(value, config.loss, config.network)).sum(dim=1).mean()
                values = measure(
                    losses.probabilities(value, config.network.output).cpu().numpy(),
                    data.labels.cpu().numpy(), config.data.classes, config.data.roles,
                )  # fmt: skip
                result |= {f"{name}/{key}": measured for key, measured in values.items()}
                result[metric_key(name, "loss")] = float(loss)
                self.predictions[name] = Predictions(value.cpu(), data.labels.cpu(), data.positions)
        if has_norm:
            affine = scale_and_shift(self.network.final_norm)
            for what, numbers in zip(("scale", "shift"), affine, strict=True):
                named = zip(config.data.classes, numbers.tolist(), strict=True)
                result |= {metric_key("final-norm", what, name): value for name, value in named}
        return result

    def _features(self, split: str) -> Iterator[Tensor]:
        """Yields what the backbone gives for a held-out split, batch by batch; a frozen one is asked only once."""
        network, data = self.configuration.network, self.data[split]
        size = EVALUATION_BATCH if network.name in SMALL_NETWORKS else EVALUATION_BATCH_BACKBONE
        everything = torch.arange(len(data.labels), device=self.device)
        batches = (self.network.backbone(images) for images, _ in data.batches(everything, size))
        if network.trainable != "head":
            yield from batches
            return
        if split not in self._frozen_features:
            self._frozen_features[split] = list(batches)
        yield from self._frozen_features[split]

    def weights(self) -> dict[str, Tensor]:
        """Returns the state dict on the CPU, without a backbone that was given and never changed."""
        frozen = self.configuration.network.trainable == "head"
        state = self.network.state_dict().items()
        return {
            name: v.detach().cpu().contiguous() for name, v in state if not (frozen and name.startswith("backbone."))
        }

    def state(self) -> dict[str, Tensor]:
        """Returns weights, optimiser state, batch composition and number of epochs done as flat tensors (clones)."""
        state = {f"network/{name}": value.clone() for name, value in self.weights().items()}
        state |= {f"optimiser/{name}": value for name, value in self.optimisation.state().items()}
        composition = sorted((int(images), batches) for images, batches in self.batch_composition.items())
        return state | {"composition": torch.tensor(composition, dtype=torch.int64)}

    def _restore(self, state: dict[str, Tensor]) -> None:
        def part(prefix: str) -> dict[str, Tensor]:
            return {name.removeprefix(prefix): value for name, value in state.items() if name.startswith(prefix)}

        self.network.load_state_dict(part("network/"), strict=self.configuration.network.trainable != "head")
        self.batch_composition.update({str(images): int(batches) for images, batches in state["composition"].tolist()})
        steps_done = sum(self.batch_composition.values())
        self.optimisation.restore(part("optimiser/"), steps_done)

    def _count_minority(self, labels: Tensor) -> None:
        """Adds the batches of labels (batches, batch) to {minority images in it: batches}."""
        first_minority = len(self.configuration.data.majority)
        images, batches = torch.unique((labels >= first_minority).sum(dim=1), return_counts=True)
        for count, number in zip(images.tolist(), batches.tolist(), strict=True):
            self.batch_composition[str(count)] = self.batch_composition.get(str(count), 0) + number


def _steps_per_epoch(configuration: Configuration, num_images: int) -> int:
    """Whole batches of one pass over the images, or as many as the schedule asks for."""
    size = configuration.schedule.batch_size
    if num_images < size:
        raise ConfigurationError(f"schedule.batch_size: got {size}; only {num_images} training images")
    return configuration.schedule.steps_per_epoch or num_images // size
