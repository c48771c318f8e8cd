"""Shared by the tests of training."""

from collections.abc import Iterator

import pytest
import torch


@pytest.fixture
def float64() -> Iterator[None]:
    """In float32 Adam turns the rounding of a gradient near 0 into a step of full size; twice the digits tell."""
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(torch.float32)
