"""Nothing that a fault test started outlives it."""

from collections.abc import Iterator

import pytest

from tests.support import faults


@pytest.fixture(autouse=True)
def _nothing_is_left() -> Iterator[None]:
    yield
    faults.end_all()
