"""Near-duplicates: what is one picture is found, and what is only alike is not."""

import io
from collections.abc import Callable
from datetime import datetime, timedelta

import numpy as np
import pytest
from PIL import Image
from sklearn.datasets import load_digits

from trainables.data.image_groups import num_in_series
from trainables.data.near_duplicates import appearance, groups_of_twins


def _pictures(number: int) -> list[Image.Image]:
    rng = np.random.default_rng(0)
    colours = (rng.uniform(0, 255, (number, 12, 12, 1)) * [0.9, 1.0, 0.5]).astype(np.uint8)
    return [Image.fromarray(pixels).resize((90, 90)) for pixels in colours]


def _jpeg(image: Image.Image, quality: int) -> Image.Image:
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=quality)
    return Image.open(buffer).convert("RGB")


CHANGES: dict[str, Callable[[Image.Image], Image.Image]] = {
    "recompressed": lambda image: _jpeg(image, 40),
    "resized": lambda image: _jpeg(image.resize((50, 50)), 80),
    "brighter": lambda image: image.point(lambda level: min(255, int(1.1 * level))),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES.keys())
def test_one_picture_in_two_files_is_found(change: Callable[[Image.Image], Image.Image]) -> None:
    pictures = _pictures(20)
    twins = groups_of_twins([appearance(image) for image in [*pictures, *map(change, pictures)]])
    assert twins[:20].tolist() == twins[20:].tolist()
    assert len(set(twins.tolist())) == 20


def test_a_twin_of_a_twin_is_one_too_and_numbers_are_in_the_order_of_the_images() -> None:
    first, second, third = _pictures(3)
    images = [second, first, _jpeg(first, 60), third, first.resize((60, 60))]
    assert groups_of_twins([appearance(image) for image in images]).tolist() == [0, 1, 1, 2, 1]


def test_digits_are_alike_and_no_twins() -> None:
    """By the hash alone 442 of these 1797 would be."""
    images = [Image.fromarray((15 * pixels).astype(np.uint8)).convert("RGB") for pixels in load_digits().images]
    sizes = np.bincount(groups_of_twins([appearance(image) for image in images]))
    assert (sizes[sizes > 1]).sum() <= 20


def test_parts_in_a_fixture_are_no_twins_though_their_hashes_agree() -> None:
    """One part on one ground, a scratch of a few pixels somewhere: different photos."""
    rng = np.random.default_rng(1)
    images = []
    for _ in range(30):
        pixels = np.asarray(_pictures(1)[0]).astype(float) + rng.normal(0, 12, (90, 90, 3))
        top, left = rng.integers(10, 70, 2)
        pixels[top : top + 9, left : left + 9] = 255
        images.append(Image.fromarray(pixels.clip(0, 255).astype(np.uint8)))
    sizes = np.bincount(groups_of_twins([appearance(image) for image in images]))
    assert (sizes[sizes > 1]).sum() <= 4


def test_what_is_of_one_colour_is_nobodys_twin() -> None:
    plain = [Image.new("RGB", (40, 40), (30, level, 40)) for level in (100, 101, 101)]
    assert groups_of_twins([appearance(image) for image in plain]).tolist() == [0, 1, 2]
    assert groups_of_twins([]).tolist() == []


def test_photos_in_series_are_counted_by_camera() -> None:
    noon = datetime(2026, 11, 29, 12)
    one, other = [("a", noon + timedelta(seconds=s)) for s in (0, 50, 110, 200)], [("b", noon), ("b", noon)]
    assert num_in_series([*one, None, *other]) == 5
    assert num_in_series([None]) == 0
