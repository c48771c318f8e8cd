"""Images that stay on disk train a network exactly as the same images in memory do."""

import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from trainables.common import DataError
from trainables.configuration import Configuration
from trainables.data import datasets, image_files
from trainables.data.image_files import ImageFiles, inspect
from trainables.data.images import Images
from trainables.data.split import draw_split
from trainables.training.fit import fit
from trainables.training.inputs import Inputs

CLASSES = 38


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """As many class folders as PlantVillage has, ten images each, spelled as on disk."""
    root = tmp_path_factory.mktemp("data")
    rng = np.random.default_rng(0)
    for k in range(CLASSES):
        folder = root / "plantvillage" / "color" / (f"Corn_(maize)___class{k}" if k else "Pepper,_bell___healthy")
        folder.mkdir(parents=True)
        for i in range(10):
            noise = rng.integers(0, 255, (16, 16, 3), dtype=np.uint8)
            Image.fromarray(noise).save(folder / f"id___s {i}.png")
    return root


@pytest.fixture
def everything() -> Configuration:
    classes = ("Pepper___healthy", *(f"Corn___class{k}" for k in range(1, CLASSES)))
    return Configuration().replace(
        {
            "data.source": "plantvillage",
            "data.image_size": 16,
            "data.majority": classes,
            "data.minority": (),
            "data.train_majority": "all",
            "data.validation_majority": 0,
            "data.test_majority": 0.2,
            "augmentation.transform": "digits",
            "augmentation.mixup_alpha": 0.4,
            "network.name": "cnn",
            "schedule.epochs": 2,
        }
    )


def test_shares_are_dealt_per_class_and_the_rest_trains(root: Path, everything: Configuration) -> None:
    split = draw_split(everything.data, datasets.load_images("plantvillage", root, 16), 0)
    assert np.bincount(split.classes[split.test]).tolist() == [2] * CLASSES
    assert np.bincount(split.classes[split.train]).tolist() == [8] * CLASSES
    assert not len(split.validation)


def test_training_from_files_equals_training_from_memory(root: Path, everything: Configuration) -> None:
    on_disk = datasets.load_images("plantvillage", root, 16)
    assert isinstance(on_disk.pixels, ImageFiles)
    assert on_disk.pixels.shape == (380, 3, 16, 16)
    in_memory = replace(on_disk, pixels=on_disk.pixels[:])
    *_, a = fit(everything, Inputs(on_disk), [0])
    *_, b = fit(everything, Inputs(in_memory), [0])
    assert a.metrics == b.metrics
    assert all(np.array_equal(a.weights(0)[name], b.weights(0)[name]) for name in a.weights(0))
    assert 0 <= a.metrics[0]["test/accuracy/all"] <= 1
    assert "test/f1/minority" not in a.metrics[0]


def test_the_fingerprint_follows_the_content(root: Path, tmp_path: Path) -> None:
    before = datasets.load_images("plantvillage", root, 16)
    assert before.fingerprint == datasets.load_images("plantvillage", root, 16).fingerprint
    files = before.pixels
    assert isinstance(files, ImageFiles)
    other = replace(before, pixels=ImageFiles([Path()] * len(files), files.digests[::-1], 16))
    assert other.fingerprint != before.fingerprint


def test_a_file_that_changes_under_way_is_named(tmp_path: Path) -> None:
    path = tmp_path / "leaf.png"
    Image.fromarray(np.zeros((8, 8, 3), np.uint8)).save(path)
    with pytest.raises(DataError, match=r"leaf\.png changed since this run began"):
        ImageFiles([path], ["0" * 64], 8)[:]
    path.unlink()
    with pytest.raises(DataError, match=r"leaf\.png changed since .*No such file"):
        ImageFiles([path], ["0" * 64], 8)[np.array([0])]


def test_too_few_class_folders_are_counted(root: Path, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="0 of the 38 published class folders"):
        datasets.load_images("plantvillage", tmp_path)
    assert datasets.is_available("plantvillage", root)
    assert not datasets.is_available("plantvillage", tmp_path)


def test_images_holds_either(digits: Images, root: Path) -> None:
    assert digits.shape == (1, 8, 8)
    assert datasets.load_images("plantvillage", root, 24).shape == (3, 24, 24)


def test_a_special_file_is_no_image(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "a.png")
    (tmp_path / "b.png").symlink_to("/dev/zero")
    with (tmp_path / "c.png").open("wb") as file:
        file.truncate(image_files.LARGEST_FILE + 1)
    for name, reason in (("a.png", "a FIFO"), ("b.png", "a device"), ("c.png", "larger than 512 MiB")):
        said, size = inspect(tmp_path / name)
        assert size is None
        assert reason in said
