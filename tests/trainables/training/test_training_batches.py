"""What a seed trains on is drawn by (seed, epoch) alone, and counted as it is drawn."""

import numpy as np
import pytest
import torch

from trainables.common import ConfigurationError
from trainables.configuration import Configuration
from trainables.training.batches import SplitImages
from trainables.training.training_batches import TrainingBatches, batch_sizes

LABELS = torch.tensor([0] * 14 + [1] * 2)


def _images() -> SplitImages:
    pixels = torch.arange(16, dtype=torch.uint8).view(16, 1, 1, 1).repeat(1, 1, 4, 4)
    return SplitImages(pixels[None], LABELS[None], [torch.arange(16) + 100])


def _configuration(**changes: object) -> Configuration:
    return Configuration().replace({"schedule.batch_size": 5, **changes})


def test_an_epoch_is_one_shuffled_pass_without_its_last_short_batch() -> None:
    batches = TrainingBatches(_configuration(), _images(), seeds=[0])
    (order,) = batches.order(1)
    assert batches.steps_per_epoch == 3
    assert len(order) == len(order.unique()) == 15
    assert torch.equal(order, batches.order(1)[0])
    assert not torch.equal(order, batches.order(2)[0])


def test_more_steps_than_a_pass_has_go_through_the_images_again() -> None:
    batches = TrainingBatches(_configuration(**{"schedule.steps_per_epoch": 7}), _images(), seeds=[0])
    times = torch.bincount(batches.order(1)[0], minlength=16)  # 35 draws of 16 images
    assert (int(times.sum()), int(times.min()), int(times.max())) == (35, 2, 3)


def test_batches_are_counted_by_their_minority_images() -> None:
    batches = TrainingBatches(_configuration(), _images(), seeds=[0])
    batches.count(torch.tensor([[14, 15, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12]]))
    batches.count(torch.tensor([[14, 0, 1, 2, 3, 15, 4, 5, 6, 7, 8, 9, 10, 11, 12]]))
    assert batches.compositions == [{"0": 3, "1": 2, "2": 1}]


def test_a_second_pass_sees_the_same_augmented_and_mixed_batches() -> None:
    changes = {"augmentation.transform": "digits", "augmentation.mixup_alpha": 0.4}
    batches = TrainingBatches(_configuration(**changes), _images(), seeds=[0])
    order = batches.order(3)
    for first, second in zip(batches.of_epoch(3, order), batches.of_epoch(3, order), strict=True):
        assert all(map(torch.equal, first, second))
        np.testing.assert_allclose(first[1].sum(dim=2), 1, rtol=1e-6)  # shares of two labels, float32


@pytest.mark.parametrize("sampling", ["natural", "balanced"])
def test_what_a_member_draws_is_what_it_draws_alone(sampling: str) -> None:
    changes = {"augmentation.transform": "digits", "augmentation.mixup_alpha": 0.4, "schedule.sampling": sampling}
    configuration, one = _configuration(**changes), _images()
    assert isinstance(one.values, torch.Tensor)
    three = SplitImages(one.values.repeat(3, 1, 1, 1, 1), one.labels.repeat(3, 1), [*one.positions] * 3)
    together, alone = TrainingBatches(configuration, three, seeds=[4, 7, 9]), TrainingBatches(configuration, one, [7])
    assert torch.equal(together.order(2)[1], alone.order(2)[0])
    for theirs, its in zip(together.of_epoch(2, together.order(2)), alone.of_epoch(2, alone.order(2)), strict=True):
        for stacked, single in zip(theirs, its, strict=True):
            torch.testing.assert_close(stacked[1], single[0])
            assert not torch.equal(stacked[1], stacked[0])


def test_a_batch_larger_than_the_training_set_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="got 17; only 16 training images"):
        TrainingBatches(_configuration(**{"schedule.batch_size": 17}), _images(), seeds=[0])


@pytest.mark.parametrize(
    ("num_images", "size", "expected"),
    [(16, 5, (5, 5, 6)), (17, 5, (5, 5, 5, 2)), (15, 5, (5, 5, 5)), (6, 5, (6,))],
)
def test_a_last_batch_that_is_kept_has_what_is_left_and_never_one_image(
    num_images: int, size: int, expected: tuple[int, ...]
) -> None:
    kept = _configuration(**{"schedule.batch_size": size, "schedule.last_batch": "kept"})
    assert batch_sizes(kept, num_images) == expected
    assert batch_sizes(_configuration(**{"schedule.batch_size": size}), num_images) == (size,) * (num_images // size)
    in_steps = kept.replace({"schedule.steps_per_epoch": 4})
    assert batch_sizes(in_steps, num_images) == (size,) * 4


def test_every_image_is_in_an_epoch_whose_last_batch_is_kept() -> None:
    batches = TrainingBatches(_configuration(**{"schedule.last_batch": "kept"}), _images(), seeds=[0])
    order = batches.order(1)
    assert sorted(order[0].tolist()) == list(range(16))
    assert [images.shape[1] for images, _ in batches.of_epoch(1, order)] == [5, 5, 6]
    batches.count(order)
    assert sum(int(count) * number for count, number in batches.compositions[0].items()) == 2
    assert sum(batches.compositions[0].values()) == batches.steps_per_epoch == 3
