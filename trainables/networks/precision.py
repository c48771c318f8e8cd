"""In which precision products and convolutions are computed: as `network.precision` states, not as a machine likes."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch


@contextmanager
def tf32(allowed: bool) -> Iterator[None]:
    """Lets a GPU round the factors of float32 products to TF32 (10 bits) meanwhile, or not.

    torch allows it for convolutions unless told otherwise, so that results would differ between kinds of GPU.
    """
    products, convolutions = torch.backends.cuda.matmul, torch.backends.cudnn
    before = products.allow_tf32, convolutions.allow_tf32
    products.allow_tf32 = convolutions.allow_tf32 = allowed
    try:
        yield
    finally:
        products.allow_tf32, convolutions.allow_tf32 = before


def lower_precision(precision: str, device: torch.device) -> torch.autocast:
    """Returns a context for a forward pass, in which bfloat16 is used where that is asked for and safe."""
    return torch.autocast(device.type, torch.bfloat16, enabled=precision == "bfloat16", cache_enabled=False)
