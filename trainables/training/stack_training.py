"""Seeds of one configuration that train as one: their steps, their evaluation with and without the final norm, state.

What is drawn (split, initial weights, batches, dropout) is each member's own, from its seed, so that a member is the
same whoever is beside it, up to rounding. Members never meet in a sum: one whose loss is not finite fails alone.
"""

import math
from collections.abc import Iterator, Mapping, Sequence

import torch
from torch import Tensor

from trainables.common import NonFiniteLossError, seed_for
from trainables.configuration import SMALL_NETWORKS, Configuration, trains_on_features
from trainables.data import Split
from trainables.evaluation import metric_key
from trainables.final_norm import averaging_statistics, weighted_norms
from trainables.networks import Classifier, Stack, build_network, lower_precision, tf32
from trainables.training import losses
from trainables.training.batches import SplitImages, load_split_images
from trainables.training.inputs import Inputs
from trainables.training.optimisation import Optimisation
from trainables.training.predictions import Predictions, measure_scores
from trainables.training.state import State, part_under, put_under
from trainables.training.training_batches import TrainingBatches

HELD_OUT = ("validation", "test")
EVALUATION_BATCH = {"cpu": 512, "cuda": 2048}  # images of a small network; bounds memory, changes no result
EVALUATION_BATCH_BACKBONE = {"cpu": 32, "cuda": 256}
EVALUATED_AT_ONCE = 8192  # images of all members of a stack


class StackTraining:
    """The training of one configuration for some seeds as one stack; `run_epoch` moves it on by an epoch.

    Attributes:
        seeds: of the members.
        predictions: per member, of the last epoch per held-out split, and per "SPLIT-removed" with a final norm.
    """

    def __init__(
        self,
        configuration: Configuration,
        inputs: Inputs,
        splits: Mapping[int, Split],
        device: torch.device,
        states: Mapping[int, State] | None = None,
        held_out: Sequence[str] = HELD_OUT,
    ) -> None:
        """Draws the initial weights, or takes up what `state()` returned.

        Args:
            configuration: what to train.
            inputs: images or features, and the backbone's weights.
            splits: seed -> its split; the training sets give as many steps in an epoch.
            device: where the data lie and the network trains.
            states: seed -> what `state` returned.
            held_out: the splits that are evaluated.
        """
        self._on_features = inputs.features is not None
        if self._on_features and not trains_on_features(configuration):
            raise ValueError("features of a frozen backbone stand for unchanged images only")
        self.configuration, self.seeds, self.device = configuration, tuple(splits), device
        self._precision = configuration.network.precision
        drawn = list(splits.values())
        self.batches = TrainingBatches(configuration, load_split_images(inputs, drawn, "train", device), self.seeds)
        self.held_out = {name: load_split_images(inputs, drawn, name, device) for name in held_out}
        self.stack = Stack([self._build_network(inputs, seed) for seed in self.seeds])
        # convolutions: 1.4 times faster on a CPU for the cnn, 1.2 to 1.4 for ResNets; equal up to rounding
        memory_format = torch.channels_last if self.stack.is_single else torch.preserve_format
        self.stack.to(device).to(memory_format=memory_format)
        if configuration.network.final_shift == "log-prior":
            counts = self.batches.class_counts
            self.stack.set_in_final_norm("bias", torch.log(counts / counts.sum(dim=1, keepdim=True)))
        total_steps = self.batches.steps_per_epoch * configuration.schedule.epochs
        self.optimisation = Optimisation(self.stack, configuration, total_steps)
        self.weighted_norms = weighted_norms(self.stack)
        self.class_weights = losses.class_weights(configuration.loss, self.batches.class_counts)  # (members, classes)
        self.logit_adjustment = losses.logit_adjustment(configuration.loss, self.batches.class_counts)[:, None]
        function = configuration.loss.function
        self.own_loss = losses.load_own_loss(function) if function else None
        self.predictions: list[dict[str, Predictions]] = [{} for _ in self.seeds]
        self.failures: dict[int, str] = {}  # seed -> reason
        self._frozen_features: dict[str, list[Tensor]] = {}  # held-out split -> one tensor per evaluation batch
        if states is not None:
            self._restore([states[seed] for seed in self.seeds])

    def _build_network(self, inputs: Inputs, seed: int) -> Classifier:
        configuration = self.configuration
        shape = inputs.features.shape[1:] if inputs.features is not None else inputs.images.shape
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed_for("initial weights", seed))
            num_classes = len(configuration.data.classes)
            return build_network(configuration.network, shape, num_classes, inputs.backbone, self._on_features)

    @property
    def epochs_done(self) -> int:
        """Number of epochs trained, those before a restored state included."""
        return sum(self.batches.compositions[0].values()) // self.batches.steps_per_epoch

    def run_epoch(self, epoch: int) -> dict[int, dict[str, float]]:
        """Trains one epoch, evaluates, and returns seed -> {"split/metric/class": value}.

        A seed whose mean loss of the epoch is not finite is left out from then on, its reason in `failures`.
        """
        dropout_seeds = [seed_for("dropout", seed, epoch) for seed in self.seeds]
        with self.stack.drawing(dropout_seeds, self.device), tf32(self._precision == "tf32"):
            loss_of_members = self._train(epoch)
        for seed, loss in zip(self.seeds, loss_of_members, strict=True):
            if not math.isfinite(loss) and seed not in self.failures:
                self.failures[seed] = str(NonFiniteLossError(seed, epoch, loss))
        members = [member for member, seed in enumerate(self.seeds) if seed not in self.failures]
        if not members:
            return {}
        with tf32(allowed=False):
            if self.configuration.network.final_statistics == "recomputed":
                self._recompute_statistics()
            measured = self._evaluate(members)
        key = metric_key("train", "loss")
        return {self.seeds[m]: {key: loss_of_members[m], **values} for m, values in measured.items()}

    def weights(self, seed: int) -> dict[str, Tensor]:
        """Returns a seed's state dict on the CPU, without a backbone that was given and never changed."""
        weights = self.stack.member_state(self.seeds.index(seed))
        if self.configuration.network.trainable == "head":
            weights = {name: value for name, value in weights.items() if not name.startswith("backbone.")}
        return {name: value.detach().cpu().contiguous() for name, value in weights.items()}

    def state(self, seed: int) -> State:
        """Returns clones of a seed's weights, the optimiser's state, and the batch composition, (sizes, 2) int64.

        There is no epoch number in it: the batches in the composition are the steps done, and `fit` keeps the epoch.
        Nor does it tell who was beside the seed: it goes on in any stack.
        """
        member = self.seeds.index(seed)
        composition = sorted((int(images), batches) for images, batches in self.batches.compositions[member].items())
        return {
            **put_under("network", {name: value.clone() for name, value in self.weights(seed).items()}),
            **put_under("optimiser", self.optimisation.state(member)),
            "composition": torch.tensor(composition, dtype=torch.int64),
        }

    def _restore(self, states: Sequence[State]) -> None:
        is_whole = self.configuration.network.trainable != "head"
        self.stack.load_member_states([part_under("network", state) for state in states], strict=is_whole)
        for own, state in zip(self.batches.compositions, states, strict=True):
            own.update({str(images): int(batches) for images, batches in state["composition"].tolist()})
        steps_done = sum(self.batches.compositions[0].values())
        self.optimisation.restore([part_under("optimiser", state) for state in states], steps_done)

    def _train(self, epoch: int) -> list[float]:
        """Returns each member's mean loss of an epoch's steps."""
        order = self.batches.order(epoch)
        self.batches.count(order)
        total_loss = torch.zeros(len(self.seeds), device=self.device)
        self.stack.train()
        for images, targets in self.batches.of_epoch(epoch, order):
            loss = self._loss(images, targets)
            self.optimisation.step(loss.sum())
            total_loss += loss.detach()
        if self.weighted_norms:
            self._average_statistics(epoch, order)
        return (total_loss / self.batches.steps_per_epoch).tolist()

    def _loss(self, images: Tensor, targets: Tensor) -> Tensor:
        """Returns the members' losses of a batch: images (members, batch, ...), targets (members, batch, classes)."""
        self._weigh_images(targets)
        with lower_precision(self._precision, self.device):
            scores = self.stack(images)
        scores = scores.to(self.logit_adjustment.dtype) + self.logit_adjustment
        if self.own_loss is not None:
            members = zip(scores, targets, self.batches.class_counts, strict=True)
            return torch.stack([self.own_loss(*of_member) for of_member in members])
        per_label = losses.per_label(scores, self.configuration.loss, self.configuration.network)
        return losses.weighted_mean(per_label, targets, self.class_weights)

    def _weigh_images(self, targets: Tensor) -> None:
        """Gives Y19's norms the weight of each image of a batch, from its target (members, batch, classes)."""
        if self.weighted_norms:
            self.stack.weigh_images((targets @ self.class_weights[:, :, None])[:, :, 0])

    @torch.no_grad()
    def _average_statistics(self, epoch: int, order: Tensor) -> None:
        """Gives Y19's norms the means over one more pass through the epoch's batches, with the weights as they are."""
        with averaging_statistics(self.weighted_norms):
            for images, targets in self.batches.of_epoch(epoch, order):
                self._weigh_images(targets)
                with lower_precision(self._precision, self.device):
                    self.stack(images)

    @torch.no_grad()
    def _recompute_statistics(self) -> None:
        """Gives the final norms the statistics of all training images, unchanged, with the weights as they are."""
        self.stack.eval()
        images = self.batches.images
        parts = [self.stack.scores(features) for features in self._backbone_outputs(images)]
        scores = torch.cat(parts, dim=1)
        own = [scores[member, : images.num_images(member)] for member in range(len(self.seeds))]
        self.stack.set_in_final_norm("running_mean", torch.stack([values.mean(dim=0) for values in own]))
        self.stack.set_in_final_norm("running_var", torch.stack([values.var(dim=0) for values in own]))

    @torch.no_grad()
    def _evaluate(self, members: Sequence[int]) -> dict[int, dict[str, float]]:
        """Measures the held-out splits, with the final norm and (where there is one) without; keeps the scores."""
        has_norm = self.configuration.network.final_norm != "none"
        metrics: dict[int, dict[str, float]] = {member: {} for member in members}
        self.stack.eval()
        for split, images in self.held_out.items():
            if not images.labels.numel():
                continue
            removed = torch.cat([self.stack.scores(features) for features in self._features(split)], dim=1)
            scores_of = {split: self.stack.final_norm(removed)}
            if has_norm:
                scores_of[f"{split}-removed"] = removed
            for name, scores in scores_of.items():
                for alike in images.members_of_one_size(members):
                    of_them = torch.tensor(alike, device=self.device)
                    num_images = images.num_images(alike[0])
                    own_scores, labels = scores[of_them, :num_images], images.labels[of_them, :num_images]
                    measured = measure_scores(own_scores, labels, self.configuration)
                    own_scores, labels = own_scores.cpu(), labels.cpu()
                    for i, member in enumerate(alike):
                        metrics[member] |= {f"{name}/{key}": value for key, value in measured[i].items()}
                        its = Predictions(own_scores[i], labels[i], images.positions[member])
                        self.predictions[member][name] = its
        if has_norm:
            for name, value in self._scale_and_shift().items():
                for member in members:
                    metrics[member][name] = value[member]
        return metrics

    def _scale_and_shift(self) -> dict[str, list[float]]:
        """Returns what the final norm does to each class's score, as metrics: a value per member."""
        scale, shift = self.stack.scale_and_shift()
        classes = self.configuration.data.classes
        return {
            metric_key("final-norm", parameter, name): values[:, k].tolist()
            for parameter, values in (("scale", scale), ("shift", shift))
            for k, name in enumerate(classes)
        }

    def _features(self, split: str) -> Iterator[Tensor]:
        """Yields what the backbones give for a held-out split, batch by batch; a frozen one is asked only once."""
        batches = self._backbone_outputs(self.held_out[split])
        if self.configuration.network.trainable != "head" or self._on_features:  # features are there already
            yield from batches
            return
        if split not in self._frozen_features:
            self._frozen_features[split] = list(batches)
        yield from self._frozen_features[split]

    def _backbone_outputs(self, images: SplitImages) -> Iterator[Tensor]:
        sizes = EVALUATION_BATCH if self.configuration.network.name in SMALL_NETWORKS else EVALUATION_BATCH_BACKBONE
        size = min(sizes[self.device.type], max(1, EVALUATED_AT_ONCE // len(self.seeds)))
        everything = torch.arange(images.labels.shape[1], device=self.device).expand(len(self.seeds), -1)
        return (self.stack.backbone(values) for values, _ in images.batches(everything, size))
