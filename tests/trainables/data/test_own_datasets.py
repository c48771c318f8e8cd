import sys
from pathlib import Path

import numpy as np
import pytest

from trainables import own_code
from trainables.common import DataError
from trainables.data import is_available, load_images

SOURCE = """
import numpy as np
from dataclasses import replace
from trainables.data import Images

def good(data_root):
    pixels = np.zeros((4, 3, 8, 10), dtype=np.uint8)
    return Images(pixels, np.array([0, 0, 1, 1]), ("a", "b"), ("w", "x", "y", "z"))

def fails(data_root): return open(data_root / "not there")
def pair(data_root): return 1, 2
def floats(data_root): return replace(good(data_root), pixels=np.zeros((4, 3, 8, 8)))
def last(data_root): return replace(good(data_root), pixels=np.zeros((4, 8, 8, 3), dtype=np.uint8))
def few_labels(data_root): return replace(good(data_root), labels=np.array([0, 1]))
def small_labels(data_root): return replace(good(data_root), labels=np.zeros(4, dtype=np.int32))
def same_names(data_root): return replace(good(data_root), sample_names=("w", "x", "y", "y"))
def third(data_root): return replace(good(data_root), labels=np.array([0, 0, 1, 2]))
def negative(data_root): return replace(good(data_root), labels=np.array([0, 0, 1, -1]))
def empty(data_root): return replace(good(data_root), labels=np.array([0, 0, 0, 0]))
def twice(data_root): return replace(good(data_root), class_names=("a", "a"))
def listed(data_root): return replace(good(data_root), pixels=[1, 2, 3, 4])
"""


@pytest.fixture(autouse=True)
def _module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "own_images.py").write_text(SOURCE)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "own_images", raising=False)


def test_own_data_are_loaded_and_resized_like_others(tmp_path: Path) -> None:
    source = own_code.name_own("own_images:good")
    assert is_available(source, tmp_path)
    assert load_images(source, tmp_path).shape == (3, 8, 10)
    resized = load_images(source, tmp_path, image_size=16)
    assert resized.shape == (3, 16, 16)
    np.testing.assert_array_equal(resized.labels, [0, 0, 1, 1])
    assert not is_available("own_images:good@0123456789abcdef", tmp_path)


@pytest.mark.parametrize(
    ("function", "message"),
    [
        ("fails", "own_images:fails raised FileNotFoundError"),
        ("pair", "returned a tuple; trainables.data.Images is needed"),
        ("floats", r"gives pixels float64 \(4, 3, 8, 8\); uint8"),
        ("last", r"gives pixels uint8 \(4, 8, 8, 3\); uint8 \(images, 1 or 3 channels"),
        ("few_labels", r"gives labels int64 \(2,\) for 4 images"),
        ("small_labels", "gives labels int32"),
        ("same_names", "gives 3 different sample names for 4 images"),
        ("third", "gives labels 0 to 2; 0 to 1"),
        ("negative", "gives labels -1 to 1; 0 to 1"),
        ("empty", "gives no image of b"),
        ("twice", "names a class twice: a, a"),
        ("listed", "gives pixels as a list"),
    ],
)
def test_data_that_break_their_promise_are_one_line(tmp_path: Path, function: str, message: str) -> None:
    with pytest.raises(DataError, match=message) as caught:
        load_images(own_code.name_own(f"own_images:{function}"), tmp_path)
    assert "\n" not in str(caught.value)
