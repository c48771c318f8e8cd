from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from trainables.common import DataError
from trainables.configuration import Data
from trainables.data import datasets, plantvillage
from trainables.data.images import Images
from trainables.data.split import assign_classes, draw_split


def _leaf(path: Path, colour: int, size: int = 16, mode: str = "RGB") -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    noise = np.random.default_rng(colour).integers(0, 255, (size, size, len(mode)), dtype=np.uint8)
    Image.fromarray(noise, mode).save(path)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Two plants; 45 healthy photos in two series, a disease, and what real folders hold besides."""
    color = tmp_path / "plantvillage" / "color"
    for i in range(45):
        _leaf(color / "Apple___healthy" / f"id{i:02d}___RS_HL {7000 + i}.JPG", i)
    for i in range(5):
        _leaf(color / "Apple___Apple_scab" / f"id___FREC_Scab {i}.png", 100 + i, size=20 + i, mode="RGBA")
    (color / "Apple___healthy" / "copy.JPG").write_bytes(
        (color / "Apple___healthy" / "id00___RS_HL 7000.JPG").read_bytes()
    )
    whole = (color / "Apple___healthy" / "id01___RS_HL 7001.JPG").read_bytes()
    (color / "Apple___healthy" / "cut.jpg").write_bytes(whole[: len(whole) // 2])
    (color / "Apple___healthy" / "notes.txt").write_text("not an image")
    (color / "Apple___healthy" / ".hidden").write_text("")
    _leaf(color / "Pepper,_bell___healthy" / "a.JPG", 1)
    _leaf(color / "Pepper,_bell___Bacterial_spot" / "b.JPG", 2)
    return tmp_path


def test_published_layout(root: Path) -> None:
    images = datasets.load_images("plantvillage:Apple", root, 24)
    assert images.pixels.shape == (50, 3, 24, 24)
    assert images.class_names == ("Apple_scab", "healthy")
    assert images.merged == {"unhealthy": ("Apple_scab",)}
    assert images.sample_names[0] == "Apple___Apple_scab/id___FREC_Scab 0.png"


def test_the_names_of_the_popular_copy(tmp_path: Path) -> None:
    color = tmp_path / "plantvillage" / "color"
    names = (
        "Tomato_healthy",
        "Tomato__Target_Spot",
        "Tomato__Tomato_mosaic_virus",
        "Pepper__bell___healthy",
        "my_folder",
    )
    for i, name in enumerate(names):
        _leaf(color / name / "a.JPG", i)
    images = datasets.load_images("plantvillage:Tomato", tmp_path, 16)
    assert images.class_names == ("Target_Spot", "Tomato_mosaic_virus", "healthy")
    assert images.merged == {"unhealthy": ("Target_Spot", "Tomato_mosaic_virus")}
    assert datasets.is_available("plantvillage:Pepper", tmp_path)
    assert plantvillage.plants(tmp_path) == ["Pepper", "Tomato"]


def test_what_is_left_out_is_named_with_its_reason(root: Path) -> None:
    left_out = datasets.load_images("plantvillage:Apple", root, 16).left_out
    lines = "\n".join(str(file) for file in left_out)
    assert "cut.jpg: not a whole image" in lines
    assert "notes.txt: not one of .jpg, .jpeg, .png, .bmp" in lines
    assert "the same bytes as Apple___healthy/" in lines
    assert ".hidden" not in lines
    assert sorted(file.kind for file in left_out) == ["duplicate", "other", "other"]


def test_the_same_photo_in_two_classes_is_a_conflict(root: Path) -> None:
    scab = root / "plantvillage" / "color" / "Apple___Apple_scab" / "id___FREC_Scab 0.png"
    (root / "plantvillage" / "color" / "Apple___healthy" / "scab.png").write_bytes(scab.read_bytes())
    left_out = datasets.load_images("plantvillage:Apple", root, 16).left_out
    (conflict,) = (file for file in left_out if file.kind == "conflict")
    assert str(conflict) == f"Apple___healthy/scab.png: the same bytes as Apple___Apple_scab/{scab.name}"


@pytest.mark.parametrize("spelling", ["Pepper,_bell", "Pepper__bell", "Pepper"])
def test_spellings_of_a_plant(root: Path, spelling: str) -> None:
    for folder in sorted((root / "plantvillage" / "color").glob("Pepper*")):
        folder.rename(folder.with_name(f"{spelling}___{folder.name.split('___')[1]}"))
    assert len(datasets.load_images("plantvillage:Pepper", root, 16).pixels) == 2


def test_a_missing_plant_names_those_that_are_there(root: Path, tmp_path: Path) -> None:
    with pytest.raises(
        DataError, match=r"plantvillage:Tomato: no folder Tomato___\* .* plants there: Apple, Pepper,_bell"
    ):
        datasets.load_images("plantvillage:Tomato", root)
    with pytest.raises(DataError, match="plants there: none at all"):
        datasets.load_images("plantvillage:Tomato", tmp_path / "elsewhere")


def test_an_empty_class_folder_is_an_error(root: Path) -> None:
    (root / "plantvillage" / "color" / "Apple___Black_rot").mkdir()
    with pytest.raises(DataError, match="Apple___Black_rot holds no whole image"):
        datasets.load_images("plantvillage:Apple", root)


def test_a_plant_with_too_few_images_says_needed_and_had(root: Path) -> None:
    images = datasets.load_images("plantvillage:Apple", root, 16)
    data = Data(source="plantvillage:Apple", minority=("unhealthy",), majority=("healthy",))
    with pytest.raises(DataError, match=r"'healthy' .*150 test \+ 150 validation \+ 1000 train .* 45 there"):
        draw_split(data, images, 0)


def _numbered(images: Images, positions: np.ndarray) -> set[int]:
    assert images.series is not None
    return set(images.series[positions].tolist())


def test_blocked_splits_share_no_block_and_no_border(root: Path) -> None:
    images = datasets.load_images("plantvillage:Apple", root, 16)
    assert images.series is not None
    healthy = images.series[images.labels == 1]
    sizes = np.bincount(healthy[healthy >= 0])[-3:].tolist()
    assert sizes == [20, 19, 4]  # 45 photos, the first after a border dropped
    counts = {"train_majority": 10, "validation_majority": 2, "validation_minority": 0, "test_majority": 4}
    data = Data(source="plantvillage:Apple", minority=("unhealthy",), majority=("healthy",), split="blocked", **counts)
    data = data.model_copy(update={"train_minority": 0, "test_minority": 5})
    for seed in range(5):
        split = draw_split(data, images, seed)
        parts = [
            _numbered(images, part[split.classes[part] == 0]) for part in (split.train, split.validation, split.test)
        ]
        assert not parts[0] & parts[1] | parts[0] & parts[2] | parts[1] & parts[2]
        assert all(-1 not in part for part in parts)


def test_a_grouped_split_is_refused_since_nothing_names_the_leaf(root: Path) -> None:
    images = datasets.load_images("plantvillage:Apple", root, 16)
    assert images.groups is None
    data = Data(source="plantvillage:Apple", minority=("unhealthy",), majority=("healthy",), split="grouped")
    with pytest.raises(
        DataError,
        match=r"^data.split=grouped: the images of plantvillage:Apple have no groups; random and blocked are allowed$",
    ):
        draw_split(data, images, 0)


def test_real_photos(real_data: Path) -> None:
    images = plantvillage.load(real_data, "Pepper", 32)
    assert images.class_names == ("Bacterial_spot", "healthy")
    assert len(images.pixels) + len(images.left_out) == 997 + 1478
    classes = assign_classes(Data(minority=("unhealthy",), majority=("healthy",)), images)
    assert set(classes) == {0, 1}
