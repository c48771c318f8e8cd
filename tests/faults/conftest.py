"""Nothing that a fault test started outlives it."""

from collections.abc import Iterator

import pytest

from tests.faults import aftermath


@pytest.fixture(autouse=True)
def _nothing_is_left() -> Iterator[None]:
    yield
    aftermath.end_all()
