"""What the members of a stack train on in each epoch: images, their order, augmented, mixed. Knows no network."""

from collections.abc import Iterator, Sequence

import torch
from torch import Tensor

from trainables.common import ConfigurationError, generator, seed_for
from trainables.configuration import Configuration
from trainables.training import augmentation
from trainables.training.batches import SplitImages


class TrainingBatches:
    """The training batches of seeds side by side; all that is random in a member's follows from its (seed, epoch).

    Attributes:
        images: of the training splits.
        class_counts: (members, classes) float, training images of each class.
        compositions: per member, {number of minority images in a batch: number of such batches so far}.
    """

    def __init__(self, configuration: Configuration, images: SplitImages, seeds: Sequence[int]) -> None:
        """Takes members with the same `batch_sizes`."""
        self.images = images
        (self._sizes,) = {batch_sizes(configuration, images.num_images(member)) for member in range(len(seeds))}
        self.compositions: list[dict[str, int]] = [{} for _ in seeds]
        self._configuration, self._seeds, self._device = configuration, seeds, images.labels.device
        self._num_classes = len(configuration.data.classes)
        counts = [torch.bincount(self._labels(member), minlength=self._num_classes) for member in range(len(seeds))]
        self.class_counts = torch.stack(counts).to(torch.get_default_dtype())

    @property
    def steps_per_epoch(self) -> int:
        """Batches of an epoch."""
        return len(self._sizes)

    def order(self, epoch: int) -> Tensor:
        """Returns the images of an epoch's steps, (members, images): shuffled passes, as many as it takes.

        The last pass is cut. With balanced sampling each image is drawn anew, every class with the same probability.
        """
        orders = [self._order_of(member, seed, epoch) for member, seed in enumerate(self._seeds)]
        return torch.stack(orders).to(self._device)

    def _order_of(self, member: int, seed: int, epoch: int) -> Tensor:
        draws, num_images = generator("order", seed, epoch), self.images.num_images(member)
        num_drawn = sum(self._sizes)
        if self._configuration.schedule.sampling == "balanced":
            chances = 1 / self.class_counts[member][self._labels(member)]
            return torch.multinomial(chances.cpu(), num_drawn, replacement=True, generator=draws)
        num_passes = -(-num_drawn // num_images)
        return torch.cat([torch.randperm(num_images, generator=draws) for _ in range(num_passes)])[:num_drawn]

    def count(self, order: Tensor) -> None:
        """Adds the batches of an epoch to `compositions`."""
        is_minority = self.images.labels.gather(1, order) >= len(self._configuration.data.majority)
        batches = is_minority.split(list(self._sizes), dim=1)
        counts = torch.stack([batch.sum(dim=1) for batch in batches], dim=1)  # (members, steps)
        for composition, counts_of_member in zip(self.compositions, counts.tolist(), strict=True):
            for count in sorted(counts_of_member):
                composition[str(count)] = composition.get(str(count), 0) + 1

    def of_epoch(self, epoch: int, order: Tensor) -> Iterator[tuple[Tensor, Tensor]]:
        """Yields augmented, mixed images (members, batch, ...), targets (members, batch, classes); alike each time."""
        sizes, settings = list(self._sizes), self._configuration.augmentation
        one_hot = torch.eye(self._num_classes, device=self._device)
        draws = [generator("augmentation", seed, epoch, device=self._device) for seed in self._seeds]
        shares = None
        if settings.mixup_alpha:
            drawn = [
                augmentation.mixup_shares(settings.mixup_alpha, order.shape[1], seed_for("mixup", seed, epoch))
                for seed in self._seeds
            ]
            shares = torch.stack(drawn).to(self._device).split(sizes, dim=1)
        for step, (images, labels) in enumerate(self.images.batches(order, sizes)):
            images = augmentation.transform(images, settings.transform, draws)
            targets = one_hot[labels]
            if shares is not None:
                images, targets = augmentation.mixup(images, targets, shares[step])
            yield images, targets

    def _labels(self, member: int) -> Tensor:
        return self.images.labels[member, : self.images.num_images(member)]


def batch_sizes(configuration: Configuration, num_images: int) -> tuple[int, ...]:
    """Returns the images of each batch of an epoch: whole batches of one pass, or as many as the schedule asks for.

    A last batch that is kept has what is left of the pass; one image alone joins the batch before, since a batch norm
    has no variance of one.

    Raises:
        ConfigurationError: a batch is larger than the training set.
    """
    schedule, size = configuration.schedule, configuration.schedule.batch_size
    if num_images < size:
        raise ConfigurationError(f"schedule.batch_size: got {size}; only {num_images} training images")
    sizes, left = [size] * (schedule.steps_per_epoch or num_images // size), num_images % size
    if schedule.last_batch == "kept" and schedule.steps_per_epoch is None and left:
        sizes = [*sizes, left] if left > 1 else [*sizes[:-1], size + 1]
    return tuple(sizes)
