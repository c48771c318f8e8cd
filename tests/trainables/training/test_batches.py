import torch

from trainables.training.batches import SplitImages

LABELS = torch.tensor([0] * 14 + [1] * 2)


def _images() -> SplitImages:
    pixels = torch.arange(16, dtype=torch.uint8).view(16, 1, 1, 1).repeat(1, 1, 4, 4)
    return SplitImages(pixels, LABELS, torch.arange(16) + 100)


def test_batches_come_in_the_order_asked_and_in_0_to_1() -> None:
    order = torch.tensor([15, 0, 3, 7, 14])
    batches = list(_images().batches(order, 2))
    assert [len(images) for images, _ in batches] == [2, 2, 1]
    torch.testing.assert_close(torch.cat([images[:, 0, 0, 0] for images, _ in batches]), order / 255)
    assert torch.cat([labels for _, labels in batches]).tolist() == [1, 0, 0, 0, 1]


def test_features_are_handed_out_as_they_are() -> None:
    features = torch.randn(16, 3)
    ((values, _),) = SplitImages(features, LABELS, torch.arange(16)).batches(torch.arange(16), 16)
    assert torch.equal(values, features)
