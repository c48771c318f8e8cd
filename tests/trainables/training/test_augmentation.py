import pytest
import torch

from trainables.training.augmentation import POLICIES, mixup, mixup_shares, transform


def _generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@pytest.mark.parametrize("policy", POLICIES)
def test_images_change_stay_in_range_and_repeat_by_seed(policy: str) -> None:
    images = torch.rand(4, 3, 16, 16)
    once, again = (transform(images, policy, _generator()) for _ in range(2))
    assert torch.equal(once, again)
    assert not torch.equal(once, images)
    assert 0 <= once.min() <= once.max() <= 1
    assert once.shape == images.shape


def test_digits_never_flip_and_leaves_do() -> None:
    ramp = torch.linspace(0, 1, 28).expand(64, 1, 28, 28).contiguous()
    for policy, flips in (("digits", False), ("leaves", True)):
        turned = transform(ramp, policy, _generator())
        left, right = turned[..., 8:20, 8].mean(dim=(1, 2)), turned[..., 8:20, 19].mean(dim=(1, 2))
        assert bool((left > right).any()) is flips


def test_none_is_the_same_tensor() -> None:
    images = torch.rand(2, 1, 4, 4)
    assert transform(images, "none", _generator()) is images


def test_mixup_mixes_images_and_targets_alike() -> None:
    images, targets = torch.eye(3)[:, None, :], torch.eye(3)
    mixed, mixed_targets = mixup(images, targets, torch.tensor([0.8, 0.5, 1.0]))
    expected = torch.tensor([[0.8, 0.0, 0.2], [0.5, 0.5, 0.0], [0.0, 0.0, 1.0]])  # each with its neighbour before it
    torch.testing.assert_close(mixed[:, 0], expected)
    torch.testing.assert_close(mixed_targets, expected)


def test_mixup_shares_keep_the_larger_part_first() -> None:
    shares = mixup_shares(0.4, 1000, seed=1)
    assert torch.equal(shares, mixup_shares(0.4, 1000, seed=1))
    assert shares.min() >= 0.5
    assert shares.max() <= 1
