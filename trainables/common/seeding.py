"""Every random draw has a seed of its own, named by what it is for: adding one draw never moves another."""

import hashlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch


def seed_for(*parts: str | int) -> int:
    """Returns a seed in [0, 2^63) from named parts, such as `seed_for("order", seed, epoch)`."""
    text = "/".join(map(str, parts))
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big") >> 1


def generator(*parts: str | int, device: "torch.device | str" = "cpu") -> "torch.Generator":
    """Returns a torch generator seeded with `seed_for(*parts)`."""
    import torch  # takes seconds; who draws splits by seed needs none of it

    return torch.Generator(device=device).manual_seed(seed_for(*parts))
