"""Folders above the classes: splits that are given, a tree of defects."""

import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.support.photos import load_folder_of, photo
from trainables.common import DataError
from trainables.configuration import Data
from trainables.data.image_folder import Folder, survey_folder
from trainables.data.split import draw_split

SHARES = {f"{part}_{role}": 0.2 for part in ("validation", "test") for role in ("majority", "minority")}
EVERYTHING: dict[str, Any] = {"train_majority": "all", "train_minority": "all"} | SHARES


def test_train_and_test_folders_are_taken_together(tmp_path: Path) -> None:
    for i, part in enumerate(("train", "val", "test")):
        for j, name in enumerate(("a", "b")):
            photo(tmp_path / part / name / "x.png", 10 * i + j)
    assert survey_folder(Folder(str(tmp_path))).counts == {"a": 3, "b": 3}


def test_a_split_of_folders_is_kept_where_it_is_asked_for(tmp_path: Path) -> None:
    for k, (part, number) in enumerate({"train": 20, "valid": 4, "testing": 6}.items()):
        for j, name in enumerate(("a", "b")):
            for i in range(number):
                photo(tmp_path / part / name / f"{i}.png", 1000 * k + 100 * j + i)
    images = load_folder_of(Folder(str(tmp_path)))
    data = Data(minority=("b",), split="given", **EVERYTHING)
    for seed in range(2):
        split = draw_split(data, images, seed)
        for positions, part, number in (
            (split.train, "train/", 40), (split.validation, "valid/", 8), (split.test, "testing/", 12),
        ):  # fmt: skip
            assert len(positions) == number
            assert all(images.sample_names[position].startswith(part) for position in positions)
    shutil.rmtree(tmp_path / "valid")  # then training images validate, other ones for every seed
    images = load_folder_of(Folder(str(tmp_path)))
    drawn = [draw_split(data, images, seed) for seed in range(2)]
    assert [len(drawn[0].train), len(drawn[0].validation), len(drawn[0].test)] == [32, 8, 12]
    assert set(drawn[0].validation) != set(drawn[1].validation)
    assert set(drawn[0].test) == set(drawn[1].test)
    (tmp_path / "testing").rename(tmp_path / "validation")  # what is given for validation tests where nothing else does
    images = load_folder_of(Folder(str(tmp_path)))
    split = draw_split(data, images, 0)
    assert all(images.sample_names[position].startswith("validation/") for position in split.test)
    shutil.rmtree(tmp_path / "validation" / "b")
    with pytest.raises(
        DataError, match=r"class 'b' of digits: in the given split train 16, validation 4, test 0 of its"
    ):
        draw_split(data, load_folder_of(Folder(str(tmp_path))), 0)
    with pytest.raises(DataError, match=r"data\.split=given: the images of digits are not in train, val, test"):
        draw_split(data, replace(images, parts=None), 0)


def test_groups_across_a_given_split_are_refused(tmp_path: Path) -> None:
    for k, part in enumerate(("train", "val", "test")):
        for j, name in enumerate(("a", "b")):
            for i in range(4):
                photo(tmp_path / part / name / f"{part}-plant{i}.png", 1000 * k + 100 * j + i)
    data = Data(minority=("b",), split="given", **EVERYTHING)
    draw_split(data, load_folder_of(Folder(str(tmp_path), pattern=r"(\w+-plant\d)")), 0)
    with pytest.raises(DataError, match="4 groups are in more than one of train, val and test, such as that of test/a"):
        draw_split(data, load_folder_of(Folder(str(tmp_path), pattern=r"(plant\d)")), 0)


def test_a_tree_of_defects_has_masks_that_are_no_class(tmp_path: Path) -> None:
    for i, place in enumerate(("train/good", "test/good", "test/scratch", "ground_truth/scratch")):
        photo(tmp_path / "bottle" / place / "0.png", i)
    survey = survey_folder(Folder(str(tmp_path / "bottle")))
    assert survey.counts == {"good": 2, "scratch": 1}
    assert [str(left_out) for left_out in survey.left_out] == ["ground_truth: masks of defects, no photos"]
    photo(tmp_path / "wrapped" / "leaves" / "sick" / "0.png", 9)
    with pytest.raises(
        DataError, match=r"one class only \('leaves'\).*is it .*wrapped/leaves with sick that is meant\?"
    ):
        survey_folder(Folder(str(tmp_path / "wrapped")))
    shutil.rmtree(tmp_path / "wrapped")
    shutil.copytree(tmp_path / "bottle", tmp_path / "cable")
    with pytest.raises(
        DataError, match=r"\(bottle, cable\) are data sets of their own.* name one of them, such as .*bottle"
    ):
        survey_folder(Folder(str(tmp_path)))
