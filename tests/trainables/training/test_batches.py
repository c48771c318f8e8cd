import numpy as np
import torch

from trainables.data import Images, Split
from trainables.training.batches import SplitImages, load_split_images
from trainables.training.inputs import Inputs

LABELS = torch.tensor([0] * 14 + [1] * 2)


def _images() -> SplitImages:
    pixels = torch.arange(16, dtype=torch.uint8).view(16, 1, 1, 1).repeat(1, 1, 4, 4)
    return SplitImages(pixels[None], LABELS[None], [torch.arange(16) + 100])


def test_batches_come_in_the_order_asked_and_in_0_to_1() -> None:
    order = torch.tensor([15, 0, 3, 7, 14])
    batches = list(_images().batches(order[None], 2))
    assert [images.shape for images, _ in batches] == [(1, size, 1, 4, 4) for size in (2, 2, 1)]
    torch.testing.assert_close(torch.cat([images[0, :, 0, 0, 0] for images, _ in batches]), order / 255)
    assert torch.cat([labels[0] for _, labels in batches]).tolist() == [1, 0, 0, 0, 1]


def test_members_of_several_sizes_are_padded_and_each_gets_its_own() -> None:
    pixels, labels = np.arange(6, dtype=np.uint8).reshape(6, 1, 1, 1), np.zeros(6, np.int64)
    inputs = Inputs(Images(pixels, labels, ("a",), tuple("abcdef")))
    parts = [np.array([5, 1, 3]), np.array([2, 4])]
    splits = [Split(train, np.array([0]), np.array([0]), np.zeros(6, np.int64)) for train in parts]
    images = load_split_images(inputs, splits, "train", torch.device("cpu"))
    assert [images.num_images(member) for member in (0, 1)] == [3, 2]
    assert images.members_of_one_size([0, 1]) == [[0], [1]]
    ((values, labels_of_batch),) = images.batches(torch.tensor([[2, 0], [1, 0]]), 2)
    assert (255 * values[..., 0, 0, 0]).round().tolist() == [[3, 5], [4, 2]]
    assert labels_of_batch.shape == (2, 2)


def test_features_are_handed_out_as_they_are() -> None:
    features = torch.randn(16, 3)
    images = SplitImages(features[None], LABELS[None], [torch.arange(16)])
    ((values, _),) = images.batches(torch.arange(16)[None], 16)
    assert torch.equal(values[0], features)
