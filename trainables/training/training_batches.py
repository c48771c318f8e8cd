"""What one seed trains on in each epoch: which images in which order, augmented and mixed. Knows no network."""

from collections.abc import Iterator

import torch
from torch import Tensor

from trainables.configuration import Configuration
from trainables.errors import ConfigurationError
from trainables.seeding import generator, seed_for
from trainables.training import augmentation
from trainables.training.batches import SplitImages


class TrainingBatches:
    """The training batches of one seed; all that is random in them follows from (seed, epoch).

    Attributes:
        images: of the training split.
        class_counts: (classes,) float, training images of each class.
        steps_per_epoch: batches of an epoch.
        composition: {number of minority images in a batch: number of such batches so far}.
    """

    def __init__(self, configuration: Configuration, images: SplitImages, seed: int) -> None:
        """Raises ConfigurationError where a batch is larger than the training set."""
        self.images = images
        self.steps_per_epoch = _steps_per_epoch(configuration, len(images.labels))
        self.composition: dict[str, int] = {}
        self._configuration, self._seed, self._device = configuration, seed, images.labels.device
        self._num_classes = len(configuration.data.classes)
        self.class_counts = torch.bincount(images.labels, minlength=self._num_classes).float()

    def order(self, epoch: int) -> Tensor:
        """Returns the images of an epoch's steps, (steps * batch,): as many shuffled passes as they take, the rest cut.

        With balanced sampling each image is drawn anew, every class with the same probability.
        """
        draws, labels = generator("order", self._seed, epoch), self.images.labels
        num_images, num_drawn = len(labels), self.steps_per_epoch * self._configuration.schedule.batch_size
        if self._configuration.schedule.sampling == "balanced":
            chances = 1 / self.class_counts[labels]
            return torch.multinomial(chances.cpu(), num_drawn, replacement=True, generator=draws).to(self._device)
        num_passes = -(-num_drawn // num_images)
        passes = [torch.randperm(num_images, generator=draws) for _ in range(num_passes)]
        return torch.cat(passes)[:num_drawn].to(self._device)

    def count(self, order: Tensor) -> None:
        """Adds the batches of an epoch to `composition`."""
        first_minority = len(self._configuration.data.majority)
        labels = self.images.labels[order].view(self.steps_per_epoch, -1)  # (steps, batch)
        minority_images, batches = torch.unique((labels >= first_minority).sum(dim=1), return_counts=True)
        for count, number in zip(minority_images.tolist(), batches.tolist(), strict=True):
            self.composition[str(count)] = self.composition.get(str(count), 0) + number

    def of_epoch(self, epoch: int, order: Tensor) -> Iterator[tuple[Tensor, Tensor]]:
        """Yields augmented and mixed images (batch, ...) and targets (batch, classes), the same at every call."""
        size, settings = self._configuration.schedule.batch_size, self._configuration.augmentation
        one_hot = torch.eye(self._num_classes, device=self._device)
        draws = generator("augmentation", self._seed, epoch, device=self._device)
        shares = None
        if settings.mixup_alpha:
            mixup_seed = seed_for("mixup", self._seed, epoch)
            shares = augmentation.mixup_shares(settings.mixup_alpha, len(order), mixup_seed)
        for step, (images, labels) in enumerate(self.images.batches(order, size)):
            images = augmentation.transform(images, settings.transform, draws)
            targets = one_hot[labels]
            if shares is not None:
                shares_of_batch = shares[step * size : (step + 1) * size].to(self._device)
                images, targets = augmentation.mixup(images, targets, shares_of_batch)
            yield images, targets


def _steps_per_epoch(configuration: Configuration, num_images: int) -> int:
    """Whole batches of one pass over the images, or as many as the schedule asks for."""
    size = configuration.schedule.batch_size
    if num_images < size:
        raise ConfigurationError(f"schedule.batch_size: got {size}; only {num_images} training images")
    return configuration.schedule.steps_per_epoch or num_images // size
