"""One network trained for one seed: its steps, its evaluation with and without the final norm, its state.

What is drawn (split, batches) and what is measured stands in other files, one seed at a time; here is only what a
stack of seeds would do in one go: the steps of a network and its optimiser.
"""

import math
from collections.abc import Iterator, Sequence

import torch
from torch import Tensor

from trainables.configuration import SMALL_NETWORKS, Configuration, trains_on_features
from trainables.data import draw_split
from trainables.errors import NonFiniteLossError
from trainables.evaluation import metric_key
from trainables.final_norm import averaging_statistics, scale_and_shift, weighted_norms
from trainables.networks import build_network
from trainables.seeding import seed_for
from trainables.training import losses
from trainables.training.batches import load_split_images
from trainables.training.inputs import Inputs
from trainables.training.optimisation import Optimisation
from trainables.training.predictions import Predictions, measure_scores
from trainables.training.state import State, part_under, put_under
from trainables.training.training_batches import TrainingBatches

HELD_OUT = ("validation", "test")
EVALUATION_BATCH = 512  # images of a small network; bounds memory, changes no result
EVALUATION_BATCH_BACKBONE = 32


class OneSeedTraining:
    """The training of one configuration for one seed; `run_epoch` moves it on by an epoch.

    Attributes:
        predictions: of the last epoch per held-out split, and per "SPLIT-removed" with a final norm.
    """

    def __init__(
        self,
        configuration: Configuration,
        inputs: Inputs,
        seed: int,
        device: torch.device,
        state: State | None = None,
        held_out: Sequence[str] = HELD_OUT,
    ) -> None:
        """Draws the split and the initial weights, or takes up what `state()` returned.

        Raises:
            StudyError: data that do not fit the configuration for this seed.
        """
        on_features = inputs.features is not None
        if on_features and not trains_on_features(configuration):
            raise ValueError("features of a frozen backbone stand for unchanged images only")
        self.configuration, self.seed, self.device = configuration, seed, device
        split = draw_split(configuration.data, inputs.images, seed)
        train_images = load_split_images(inputs, split, "train", device)
        self.held_out = {name: load_split_images(inputs, split, name, device) for name in held_out}
        self.batches = TrainingBatches(configuration, train_images, seed)
        num_classes = len(configuration.data.classes)
        shape = inputs.features.shape[1:] if inputs.features is not None else inputs.images.shape
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed_for("initial weights", seed))
            self.network = build_network(configuration.network, shape, num_classes, inputs.backbone, on_features)
        # convolutions: 1.4 times faster on a CPU for the cnn, 1.2 to 1.4 for ResNets; equal up to rounding
        self.network.to(device).to(memory_format=torch.channels_last)
        total_steps = self.batches.steps_per_epoch * configuration.schedule.epochs
        self.optimisation = Optimisation(self.network, configuration, total_steps)
        self.weighted_norms = weighted_norms(self.network)
        self.class_weights = losses.class_weights(configuration.loss, self.batches.class_counts)
        self.logit_adjustment = losses.logit_adjustment(configuration.loss, self.batches.class_counts)
        self.predictions: dict[str, Predictions] = {}
        self._frozen_features: dict[str, list[Tensor]] = {}  # held-out split -> one tensor per evaluation batch
        if state is not None:
            self._restore(state)

    @property
    def epochs_done(self) -> int:
        """Number of epochs trained, those before a restored state included."""
        return sum(self.batches.composition.values()) // self.batches.steps_per_epoch

    def run_epoch(self, epoch: int) -> dict[str, float]:
        """Trains one epoch, evaluates, and returns {"split/metric/class": value}.

        Raises:
            NonFiniteLossError: the mean loss of the epoch is not finite.
        """
        cuda_devices = [self.device] if self.device.type == "cuda" else []
        with torch.random.fork_rng(devices=cuda_devices):
            torch.manual_seed(seed_for("dropout", self.seed, epoch))
            loss = self._train(epoch)
        if not math.isfinite(loss):
            raise NonFiniteLossError(self.seed, epoch, loss)
        return {metric_key("train", "loss"): loss, **self._evaluate()}

    def weights(self) -> dict[str, Tensor]:
        """Returns the state dict on the CPU, without a backbone that was given and never changed."""
        weights = self.network.state_dict()
        if self.configuration.network.trainable == "head":
            weights = {name: value for name, value in weights.items() if not name.startswith("backbone.")}
        return {name: value.detach().cpu().contiguous() for name, value in weights.items()}

    def state(self) -> State:
        """Returns clones of the weights, the optimiser's state, and the batch composition, (sizes, 2) int64.

        There is no epoch number in it: the batches in the composition are the steps done, and `fit` keeps the epoch.
        """
        composition = sorted((int(images), batches) for images, batches in self.batches.composition.items())
        return {
            **put_under("network", {name: value.clone() for name, value in self.weights().items()}),
            **put_under("optimiser", self.optimisation.state()),
            "composition": torch.tensor(composition, dtype=torch.int64),
        }

    def _restore(self, state: State) -> None:
        is_whole = self.configuration.network.trainable != "head"
        self.network.load_state_dict(part_under("network", state), strict=is_whole)
        composition = {str(images): int(batches) for images, batches in state["composition"].tolist()}
        self.batches.composition.update(composition)
        self.optimisation.restore(part_under("optimiser", state), steps_done=sum(composition.values()))

    def _train(self, epoch: int) -> float:
        """Returns the mean loss of an epoch's steps."""
        order = self.batches.order(epoch)
        self.batches.count(order)
        total_loss = torch.zeros((), device=self.device)
        self.network.train()
        for images, targets in self.batches.of_epoch(epoch, order):
            loss = self._loss(images, targets)
            self.optimisation.step(loss)
            total_loss += loss.detach()
        if self.weighted_norms:
            self._average_statistics(epoch, order)
        return float(total_loss / self.batches.steps_per_epoch)

    def _loss(self, images: Tensor, targets: Tensor) -> Tensor:
        """Returns the loss of a batch: images (batch, ...), targets (batch, classes)."""
        self._weigh_images(targets)
        scores = self.network(images) + self.logit_adjustment
        per_label = losses.per_label(scores, self.configuration.loss, self.configuration.network)
        return losses.weighted_mean(per_label, targets, self.class_weights)

    def _weigh_images(self, targets: Tensor) -> None:
        """Gives Y19's norms the weight of each image of a batch, from its target (batch, classes)."""
        for norm in self.weighted_norms:
            norm.image_weights = targets @ self.class_weights

    @torch.no_grad()
    def _average_statistics(self, epoch: int, order: Tensor) -> None:
        """Gives Y19's norms the means over one more pass through the epoch's batches, with the weights as they are."""
        with averaging_statistics(self.weighted_norms):
            for images, targets in self.batches.of_epoch(epoch, order):
                self._weigh_images(targets)
                self.network(images)

    @torch.no_grad()
    def _evaluate(self) -> dict[str, float]:
        """Measures the held-out splits, with the final norm and (where there is one) without; keeps the scores."""
        has_norm = self.configuration.network.final_norm != "none"
        metrics: dict[str, float] = {}
        self.network.eval()
        for split, images in self.held_out.items():
            if not len(images.labels):
                continue
            removed = torch.cat([self.network.head_scores(features) for features in self._features(split)])
            scores_of = {split: self.network.final_norm(removed)}
            if has_norm:
                scores_of[f"{split}-removed"] = removed
            for name, scores in scores_of.items():
                measured = measure_scores(scores, images.labels, self.configuration)
                metrics |= {f"{name}/{key}": value for key, value in measured.items()}
                self.predictions[name] = Predictions(scores.cpu(), images.labels.cpu(), images.positions)
        return metrics | self._scale_and_shift() if has_norm else metrics

    def _scale_and_shift(self) -> dict[str, float]:
        """Returns what the final norm does to each class's score, as metrics."""
        scale, shift = scale_and_shift(self.network.final_norm)
        classes = self.configuration.data.classes
        return {
            metric_key("final-norm", parameter, name): value
            for parameter, values in (("scale", scale), ("shift", shift))
            for name, value in zip(classes, values.tolist(), strict=True)
        }

    def _features(self, split: str) -> Iterator[Tensor]:
        """Yields what the backbone gives for a held-out split, batch by batch; a frozen one is asked only once."""
        network, images = self.configuration.network, self.held_out[split]
        size = EVALUATION_BATCH if network.name in SMALL_NETWORKS else EVALUATION_BATCH_BACKBONE
        everything = torch.arange(len(images.labels), device=self.device)
        batches = (self.network.backbone(values) for values, _ in images.batches(everything, size))
        if network.trainable != "head":
            yield from batches
            return
        if split not in self._frozen_features:
            self._frozen_features[split] = list(batches)
        yield from self._frozen_features[split]
