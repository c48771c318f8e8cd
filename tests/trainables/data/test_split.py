import numpy as np
import pytest

from trainables.configuration import Data
from trainables.data.images import Images
from trainables.data.split import assign_classes, draw_split
from trainables.errors import ConfigurationError, DataError

SMALL = Data(train_majority=30, train_minority=5, validation_majority=10, validation_minority=3,
             test_majority=20, test_minority=20)  # fmt: skip


def test_counts_per_class_and_split(digits: Images) -> None:
    split = draw_split(SMALL, digits, seed=0)
    counts = [np.bincount(split.classes[part]).tolist() for part in (split.train, split.validation, split.test)]
    assert counts == [[30, 5], [10, 3], [20, 20]]  # majority first


def test_no_image_is_in_two_splits(digits: Images) -> None:
    split = draw_split(Data(), digits, seed=3)
    everything = np.concatenate([split.train, split.validation, split.test])
    assert len(np.unique(everything)) == len(everything) == 1010 + 157 + 300


def test_the_seed_decides_and_nothing_else(digits: Images) -> None:
    assert np.array_equal(draw_split(SMALL, digits, 1).train, draw_split(SMALL, digits, 1).train)
    assert not np.array_equal(draw_split(SMALL, digits, 1).train, draw_split(SMALL, digits, 2).train)


def test_ratios_are_nested(digits: Images) -> None:
    few = draw_split(SMALL, digits, 0)
    more = draw_split(SMALL.model_copy(update={"train_minority": 40}), digits, 0)
    assert set(few.train) < set(more.train)
    assert np.array_equal(few.test, more.test)
    assert np.array_equal(few.validation, more.validation)


def test_classes_merge_and_others_are_the_rest(digits: Images) -> None:
    classes = assign_classes(Data(minority=("3+5",), majority=("8",)), digits)
    assert [set(digits.labels[classes == k]) for k in (-1, 0, 1)] == [{0, 1, 2, 4, 6, 7, 9}, {8}, {3, 5}]
    assert set(digits.labels[assign_classes(Data(), digits) == 0]) == set(range(10)) - {8}


def test_official_test_images_are_test_images() -> None:
    labels = np.repeat([0, 1], 20)
    official = np.tile([True, False], 20)
    images = Images(np.zeros((40, 1, 2, 2), np.uint8), labels, ("a", "b"), tuple(map(str, range(40))), official)
    data = Data(minority=("a",), majority=("b",), train_majority=6, train_minority=2, validation_majority=4,
                validation_minority=1, test_majority=10, test_minority=5)  # fmt: skip
    split = draw_split(data, images, seed=0)
    assert official[split.test].all()
    assert not official[np.concatenate([split.train, split.validation])].any()


def test_too_few_images_says_how_many_are_needed_and_there(digits: Images) -> None:
    with pytest.raises(DataError, match=r"'8' of digits: 150 test \+ 7 validation \+ 100 train .* 174 there"):
        draw_split(Data(train_minority=100), digits, seed=0)


def test_an_unknown_class_names_the_known_ones(digits: Images) -> None:
    with pytest.raises(ConfigurationError, match="unknown class 'eight'; allowed: 0, 1, 2"):
        draw_split(Data(minority=("eight",)), digits, seed=0)
