import pytest
import torch
from torch.nn import functional

from trainables.training.augmentation import POLICIES, _affine_grid, mixup, mixup_shares, transform


def _generators(*seeds: int) -> list[torch.Generator]:
    return [torch.Generator().manual_seed(seed) for seed in seeds]


@pytest.mark.parametrize("policy", POLICIES)
def test_images_change_stay_in_range_and_repeat_by_seed(policy: str) -> None:
    images = torch.rand(2, 4, 3, 16, 16)
    once, again = (transform(images, policy, _generators(0, 1)) for _ in range(2))
    assert torch.equal(once, again)
    assert not torch.equal(once, images)
    assert 0 <= once.min() <= once.max() <= 1
    assert once.shape == images.shape
    alone = transform(images[1:], policy, _generators(1))  # a member is changed as it is alone
    torch.testing.assert_close(once[1:], alone)


def test_digits_never_flip_and_leaves_do() -> None:
    ramp = torch.linspace(0, 1, 28).expand(1, 64, 1, 28, 28).contiguous()
    for policy, flips in (("digits", False), ("leaves", True)):
        (turned,) = transform(ramp, policy, _generators(0))
        left, right = turned[..., 8:20, 8].mean(dim=(1, 2)), turned[..., 8:20, 19].mean(dim=(1, 2))
        assert bool((left > right).any()) is flips


def test_none_is_the_same_tensor() -> None:
    images = torch.rand(1, 2, 1, 4, 4)
    assert transform(images, "none", _generators(0)) is images


def test_mixup_mixes_images_and_targets_alike() -> None:
    images, targets = torch.eye(3)[None, :, None, :], torch.eye(3)[None]
    mixed, mixed_targets = mixup(images, targets, torch.tensor([[0.8, 0.5, 1.0]]))
    expected = torch.tensor([[0.8, 0.0, 0.2], [0.5, 0.5, 0.0], [0.0, 0.0, 1.0]])  # each with its neighbour before it
    torch.testing.assert_close(mixed[0, :, 0], expected)
    torch.testing.assert_close(mixed_targets[0], expected)


def test_mixup_shares_keep_the_larger_part_first() -> None:
    shares = mixup_shares(0.4, 1000, seed=1)
    assert torch.equal(shares, mixup_shares(0.4, 1000, seed=1))
    assert shares.min() >= 0.5
    assert shares.max() <= 1


def test_the_grid_is_torchs() -> None:
    maps = torch.randn((5, 2, 3), generator=torch.Generator().manual_seed(0))
    expected = functional.affine_grid(maps, [5, 1, 6, 9], align_corners=False)
    torch.testing.assert_close(_affine_grid(maps, 6, 9), expected, rtol=1e-5, atol=1e-6)
