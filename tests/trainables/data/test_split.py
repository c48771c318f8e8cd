import hashlib
from dataclasses import replace
from typing import Literal

import numpy as np
import pytest

from trainables.common import ConfigurationError, DataError
from trainables.configuration import Data
from trainables.data.images import Images
from trainables.data.split import assign_classes, draw_split

SMALL = Data(
    train_majority=30,
    train_minority=5,
    validation_majority=10,
    validation_minority=3,
    test_majority=20,
    test_minority=20,
)


def test_counts_per_class_and_split(digits: Images) -> None:
    split = draw_split(SMALL, digits, seed=0)
    counts = [np.bincount(split.classes[part]).tolist() for part in (split.train, split.validation, split.test)]
    assert counts == [[30, 5], [10, 3], [20, 20]]  # majority first


def test_no_image_is_in_two_splits(digits: Images) -> None:
    split = draw_split(Data(), digits, seed=3)
    everything = np.concatenate([split.train, split.validation, split.test])
    assert len(np.unique(everything)) == len(everything) == 1010 + 157 + 300


def test_everything_trains_and_nothing_else_is_left_to_test(digits: Images) -> None:
    data = Data(minority=("3",), majority=("8",), split="everything")
    split = draw_split(data, digits, seed=3)
    assert np.array_equal(split.train, np.flatnonzero(np.isin(digits.labels, (3, 8))))
    assert np.array_equal(split.test, split.train)


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
    data = Data(
        minority=("a",),
        majority=("b",),
        train_majority=6,
        train_minority=2,
        validation_majority=4,
        validation_minority=1,
        test_majority=10,
        test_minority=5,
    )
    split = draw_split(data, images, seed=0)
    assert official[split.test].all()
    assert not official[np.concatenate([split.train, split.validation])].any()


def test_too_few_images_says_how_many_are_needed_and_there(digits: Images) -> None:
    with pytest.raises(DataError, match=r"'8' of digits: 150 test \+ 7 validation \+ 100 train .* 174 there"):
        draw_split(Data(train_minority=100), digits, seed=0)


def test_an_unknown_class_names_the_known_ones(digits: Images) -> None:
    with pytest.raises(ConfigurationError, match="unknown class 'eight'; allowed: 0, 1, 2"):
        draw_split(Data(minority=("eight",)), digits, seed=0)


def _made_up() -> Images:
    """Images of two classes, in series with borders and in groups that the classes share."""
    labels = np.repeat([0, 1], [80, 30])
    series = np.array([-1 if i % 20 == 19 else i // 20 for i in range(80)] + [10 + i // 10 for i in range(30)])
    pixels, names = np.zeros((110, 3, 0, 0), np.uint8), tuple(str(i) for i in range(110))
    return Images(pixels, labels, ("b", "a"), names, series=series, groups=np.arange(110) % 17)


FEW = Data(
    minority=("a",),
    majority=("b",),
    train_majority=6,
    train_minority=2,
    validation_majority=0.1,
    validation_minority=1,
    test_majority=3,
    test_minority=2,
)
# of version 1: another digest would make every record's images others
DRAWN = {"random": "f3f56a29caa72c3f", "blocked": "9b38f71857b21ca7", "grouped": "92df15b5356d6e48"}


@pytest.mark.parametrize("kind", ["random", "blocked", "grouped"])
def test_a_draw_is_what_it_always_was(kind: Literal["random", "blocked", "grouped"]) -> None:
    digest = hashlib.sha256()
    for seed in range(5):
        split = draw_split(FEW.model_copy(update={"split": kind}), _made_up(), seed)
        for positions in (split.train, split.validation, split.test, split.classes):
            digest.update(positions.astype("<i8").tobytes())
    assert digest.hexdigest()[:16] == DRAWN[kind]


def test_series_and_groups_are_two_things() -> None:
    images = _made_up()
    assert images.series is not None
    assert images.groups is not None
    for seed in range(5):
        blocked = draw_split(FEW.model_copy(update={"split": "blocked"}), images, seed)
        grouped = draw_split(FEW.model_copy(update={"split": "grouped"}), images, seed)
        for numbers, split in ((images.series, blocked), (images.groups, grouped)):
            parts = [set(numbers[part].tolist()) for part in (split.train, split.validation, split.test)]
            assert not parts[0] & parts[1] | parts[0] & parts[2] | parts[1] & parts[2]


@pytest.mark.parametrize(
    ("kind", "source", "has", "says"),
    [
        ("blocked", "digits", (), "are no series; random is allowed"),
        ("grouped", "digits", (), "have no groups; random is allowed"),
        ("grouped", "plantvillage:Apple", ("series",), "have no groups; random and blocked are allowed"),
        ("blocked", f"folder:{'0' * 16}", ("groups",), "are no series; random and grouped are allowed"),
        (
            "grouped",
            f"folder:{'0' * 16}",
            (),
            "have no groups (--groups or --group-pattern); random is allowed",
        ),
    ],
)
def test_a_split_that_the_images_do_not_allow_names_those_that_they_do(
    kind: str, source: str, has: tuple[str, ...], says: str
) -> None:
    images = _made_up()
    series, groups = (getattr(images, name) if name in has else None for name in ("series", "groups"))
    images = replace(images, series=series, groups=groups)
    with pytest.raises(DataError) as caught:
        draw_split(FEW.model_copy(update={"split": kind, "source": source}), images, 0)
    assert str(caught.value) == f"data.split={kind}: the images of {source} {says}"
