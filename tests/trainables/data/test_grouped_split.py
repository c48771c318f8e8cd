"""Whole groups are dealt to the splits, however unequal they are."""

import numpy as np
import pytest

from trainables.common import DataError
from trainables.configuration import Data
from trainables.data.images import Images
from trainables.data.split import draw_split


def _unequal(counts: dict[str, list[int]]) -> Images:
    """Images of classes whose groups have so many photos."""
    labels: list[int] = []
    groups: list[int] = []
    for label, sizes in enumerate(counts.values()):
        for size in sizes:
            groups += [max(groups, default=-1) + 1] * size
            labels += [label] * size
    pixels = np.zeros((len(labels), 3, 0, 0), np.uint8)
    sample_names = tuple(str(i) for i in range(len(labels)))
    return Images(pixels, np.array(labels), tuple(counts), sample_names, groups=np.array(groups))


def _grouped(minority: tuple[str, ...], majority: tuple[str, ...]) -> Data:
    shares = {f"{part}_{role}": 0.2 for part in ("validation", "test") for role in ("majority", "minority")}
    return Data(
        minority=minority, majority=majority, split="grouped", train_majority="all", train_minority="all", **shares
    )


def test_seeds_test_different_groups_however_unequal_they_are() -> None:
    rng = np.random.default_rng(0)
    images = _unequal({"a": rng.integers(1, 40, 24).tolist(), "rare": rng.integers(1, 12, 12).tolist()})
    assert images.groups is not None
    tested = []
    for seed in range(30):
        split = draw_split(_grouped(("rare",), ("a",)), images, seed)
        tested.append(frozenset(images.groups[split.test].tolist()))
        for index in (0, 1):
            of_class = split.classes == index
            for part in (split.test, split.validation):
                assert 0.05 < of_class[part].sum() / of_class.sum() < 0.45
    assert len(set(tested)) > 25
    assert (
        max(sum(group in tested_groups for tested_groups in tested) for group in range(36)) < 20
    )  # no group is tested by most seeds


def test_few_or_large_groups_find_a_place_in_every_split() -> None:
    for seed in range(20):
        split = draw_split(_grouped(("rare",), ("a",)), _unequal({"a": [9] * 9, "rare": [60, 3, 3, 3, 3]}), seed)
        rare = split.classes == 1
        assert rare[split.train].sum() >= 60  # the large one trains
        several = _unequal({"a": [9] * 9, "one": [4, 4, 4], "two": [2, 5, 3]})
        split = draw_split(_grouped(("one", "two"), ("a",)), several, seed)
        for part in (split.train, split.validation, split.test):
            assert set(split.classes[part].tolist()) == {0, 1, 2}
    with pytest.raises(DataError, match="class 'rare' of digits: 2 groups; 3 are needed"):
        draw_split(_grouped(("rare",), ("a",)), _unequal({"a": [9] * 9, "rare": [5, 5]}), 0)


def test_a_number_of_images_that_whole_groups_cannot_give_is_refused() -> None:
    images = _unequal({"a": [9] * 9, "rare": [4] * 5})
    with pytest.raises(
        DataError, match=r"class 'rare' of digits: 54 train images asked \(whole groups only\), 12 there"
    ):
        draw_split(_grouped(("rare",), ("a",)).model_copy(update={"train_minority": 54}), images, 0)
