"""What happens to a training batch on its way to the network: one random affine map and lighting, and mixup."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F


@dataclass(frozen=True)
class Policy:
    """Ranges that are drawn from uniformly, per image."""

    degrees: float  # rotation within +- degrees
    shift: float  # translation within +- this share of the side
    zoom: float  # magnification in [1, zoom]
    flip: bool  # mirrored left-right with probability 1/2
    lighting: float  # brightness and contrast within +- this share
    warp: float = 0.0  # perspective within +- this
    chance: float = 1.0  # of an image to be turned, zoomed, warped; and, by another draw, to be lit; a flip has its own


def transform(images: Tensor, name: str, generators: Sequence[torch.Generator]) -> Tensor:
    """Returns images (members, batch, channels, h, w) in [0, 1] under the policy `name`; "none": as they are.

    Every member draws from its own generator, as it would alone.
    """
    if name == "none":
        return images
    members, batch, *shape = images.shape
    policy, images = POLICIES[name], images.flatten(0, 1)
    draws = [torch.rand((7, batch), generator=g, device=images.device, dtype=images.dtype) for g in generators]
    angle, dx, dy, zoom, mirror, brightness, contrast = torch.cat(draws, dim=1)
    is_turned, is_zoomed, is_warped, is_lit, warp_x, warp_y = _draw_more(policy, images, batch, generators)
    angle = (2 * angle - 1) * math.radians(policy.degrees) * is_turned
    scale = 1 / (1 + zoom * (policy.zoom - 1) * is_zoomed)
    flip = torch.where(mirror < 0.5, -1.0, 1.0) if policy.flip else torch.ones_like(mirror)
    cos, sin = scale * torch.cos(angle), scale * torch.sin(angle)
    shift_x, shift_y = 2 * policy.shift * (2 * dx - 1), 2 * policy.shift * (2 * dy - 1)
    maps = torch.stack([cos * flip, -sin, shift_x, sin * flip, cos, shift_y], dim=1).view(-1, 2, 3)
    grid = _affine_grid(maps, *images.shape[2:])
    if policy.warp:
        tilt = policy.warp * torch.stack([2 * warp_x - 1, 2 * warp_y - 1], dim=1) * is_warped[:, None] / 2
        grid = grid / (1 + (grid * tilt[:, None, None, :]).sum(dim=3, keepdim=True))
    padding = "reflection" if policy.flip else "zeros"  # a leaf goes on beyond its photo, a digit does not
    images = F.grid_sample(images, grid, padding_mode=padding, align_corners=False)
    if policy.lighting:
        gain = 1 + policy.lighting * ((2 * contrast - 1) * is_lit)[:, None, None, None]
        offset = policy.lighting * ((brightness - 0.5) * is_lit)[:, None, None, None]
        images = ((images - 0.5) * gain + 0.5 + offset).clamp(0, 1)
    return images.view(members, batch, *shape)


def _draw_more(policy: Policy, images: Tensor, batch: int, generators: Sequence[torch.Generator]) -> Sequence[Tensor]:
    """Returns which images are turned, zoomed, warped and lit (1 or 0), and by how much they are warped, twice."""
    if policy.chance == 1 and not policy.warp:  # what was drawn before there were these
        ones = torch.ones(len(images), device=images.device, dtype=images.dtype)
        return (ones,) * 6
    draws = [torch.rand((6, batch), generator=g, device=images.device, dtype=images.dtype) for g in generators]
    *chances, warp_x, warp_y = torch.cat(draws, dim=1)
    return [*((chance < policy.chance).to(images.dtype) for chance in chances), warp_x, warp_y]


def _affine_grid(maps: Tensor, height: int, width: int) -> Tensor:
    """Returns what torch's affine_grid does for maps (images, 2, 3): (images, height, width, 2), by one product."""
    x, y = ((2 * torch.arange(size, device=maps.device) + 1) / size - 1 for size in (width, height))
    points = torch.stack([*torch.meshgrid(x, y, indexing="xy"), x.new_ones((height, width))], dim=2).to(maps.dtype)
    grid = points.view(-1, 3) @ maps.flatten(0, 1).T  # (points, images * 2)
    return grid.view(height, width, -1, 2).permute(2, 0, 1, 3)


def mixup(images: Tensor, targets: Tensor, shares: Tensor) -> tuple[Tensor, Tensor]:
    """Returns images (members, batch, ...) and targets (members, batch, classes), mixed with the neighbour in a batch.

    x_i <- r_i x_i + (1 - r_i) x_{i-1}, and t_i alike (arXiv:1710.09412 eq. 1-2); `shares` is r, (members, batch).
    """
    wide = shares.view(*shares.shape, *[1] * (images.dim() - 2))
    return (
        wide * images + (1 - wide) * images.roll(1, dims=1),
        shares[..., None] * targets + (1 - shares[..., None]) * targets.roll(1, dims=1),
    )


def mixup_shares(alpha: float, count: int, seed: int) -> Tensor:
    """Returns r ~ Beta(alpha, alpha), (count,) float32, the larger part first (r >= 1/2): one draw per image."""
    shares = np.random.default_rng(seed).beta(alpha, alpha, size=count)
    return torch.from_numpy(np.maximum(shares, 1 - shares).astype(np.float32))


POLICIES = {
    "digits": Policy(degrees=10, shift=1 / 14, zoom=1.0, flip=False, lighting=0.0),
    "leaves": Policy(degrees=10, shift=0.0, zoom=1.1, flip=True, lighting=0.2),
    # get_transforms of fastai v1; its warp draws each corner's tilt, this one the plane's, within as much
    "fastai": Policy(degrees=10, shift=0.0, zoom=1.1, flip=True, lighting=0.2, warp=0.2, chance=0.75),
}
