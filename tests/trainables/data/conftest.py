"""A folder of two classes, as somebody has it."""

from pathlib import Path

import pytest

from tests.support.photos import photo


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = tmp_path / "my photos"
    for i in range(30):
        photo(folder / "gesund" / f"pflanze {i // 3}_{i}.png", i)
    for i in range(9):
        photo(folder / "kränklich, sehr" / "more" / f"pflanze {i // 3}_{i}.jpg", 100 + i, size=(16 + i, 30))
    return folder
