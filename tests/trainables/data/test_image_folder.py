"""Somebody's folder: every kind of image, what is left out, groups, and what is refused."""

import os
import sys
import unicodedata
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from export import edge
from tests.support.photos import load_folder_of, photo
from trainables.common import ConfigurationError, DataError
from trainables.configuration import Data
from trainables.data import datasets, image_files
from trainables.data.image_files import read
from trainables.data.image_folder import Folder, load_folder, survey_folder
from trainables.data.split import draw_split

SHARES = {f"{part}_{role}": 0.2 for part in ("validation", "test") for role in ("majority", "minority")}
EVERYTHING: dict[str, Any] = {"train_majority": "all", "train_minority": "all"} | SHARES


def test_classes_are_folders_and_the_name_of_the_folder_does_not_matter(root: Path) -> None:
    survey = survey_folder(Folder(str(root)))
    assert survey.class_names == ("gesund", "kränklich, sehr")
    assert survey.counts == {"gesund": 30, "kränklich, sehr": 9}
    assert survey.sizes[20, 16] == 30
    images = load_folder_of(Folder(str(root)))
    assert images.pixels.shape == (39, 3, 16, 16)
    assert images.sample_names[-1] == "kränklich, sehr/more/pflanze 2_8.jpg"
    moved = root.rename(root.with_name("moved"))
    assert survey_folder(Folder(str(moved))).source == survey.source
    photo(moved / "gesund" / "new.png", 999)
    assert survey_folder(Folder(str(moved))).source != survey.source
    with pytest.raises(DataError, match="has changed: it is folder:"):
        datasets.load_images(survey.source, Path(), 16, {survey.source: Folder(str(moved))})


def test_what_is_odd_is_named_and_nothing_waits(root: Path) -> None:
    sick = root / "kränklich, sehr"
    os.mkfifo(sick / "pipe.png")
    (sick / "zero.png").symlink_to("/dev/zero")
    (sick / "gone.png").symlink_to("nowhere")
    photo(root / "\x1b]0;owned\x07" / "a.png", 500)
    photo(root / "two\nlines" / "a.png", 501)
    (sick / "two\nlines.txt").write_text("no image")
    survey = survey_folder(Folder(str(root)))
    assert survey.class_names == ("gesund", "kränklich, sehr")
    lines = [str(left_out) for left_out in survey.left_out]
    assert lines == [
        "kränklich, sehr/gone.png: cannot be read (No such file or directory)",
        "kränklich, sehr/pipe.png: cannot be read (a FIFO, not a regular file)",
        r"kränklich, sehr/two\nlines.txt: not one of .jpg, .jpeg, .png, .bmp, .gif, .tif, .tiff, .webp",
        "kränklich, sehr/zero.png: cannot be read (a device, not a regular file)",
        r"'\x1b]0;owned\x07': a class folder whose name cannot be shown in one line; rename it",
        r"'two\nlines': a class folder whose name cannot be shown in one line; rename it",
    ]


def test_heic_is_read_with_the_extra_and_named_without(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    heic = b"\x00\x00\x00\x18ftypheic\x00\x00\x00\x00mif1heic" + bytes(64)
    for name in ("phone.heic", "phone.jpg"):
        (root / "gesund" / name).write_bytes(heic)
    monkeypatch.setitem(sys.modules, "pillow_heif", None)
    image_files._reads_heic.cache_clear()
    without = survey_folder(Folder(str(root))).left_out
    assert [str(left_out) for left_out in without] == [
        f"gesund/{name}: a HEIC photo; pip install '.[heic]' (pillow-heif) lets it be read, or export it as JPEG"
        for name in ("phone.heic", "phone.jpg")
    ]
    monkeypatch.undo()
    image_files._reads_heic.cache_clear()
    pillow_heif = pytest.importorskip("pillow_heif")
    noise = np.random.default_rng(0).integers(0, 255, (32, 32, 3), dtype=np.uint8)
    pillow_heif.from_bytes("RGB", (32, 32), noise.tobytes()).save(root / "gesund" / "phone.heic")
    (broken,) = survey_folder(Folder(str(root))).left_out
    assert str(broken) == "gesund/phone.jpg: not a whole image (of no format that is known)"
    assert survey_folder(Folder(str(root))).counts["gesund"] == 31


def test_loops_hidden_files_duplicates_and_other_files(root: Path) -> None:
    (root / "gesund" / "loop").symlink_to(root, target_is_directory=True)
    (root / "gesund" / ".hidden.png").write_bytes(b"x")
    (root / "gesund" / "notes.txt").write_text("no image")
    (root / "gesund" / "zz copy.png").write_bytes((root / "gesund" / "pflanze 0_0.png").read_bytes())
    whole = (root / "gesund" / "pflanze 0_1.png").read_bytes()
    (root / "gesund" / "cut.png").write_bytes(whole[: len(whole) // 2])
    survey = survey_folder(Folder(str(root)))
    assert sum(survey.counts.values()) == 39
    cut, notes, copy = survey.left_out
    assert str(copy) == "gesund/zz copy.png: the same bytes as gesund/pflanze 0_0.png"
    assert str(cut).startswith("gesund/cut.png: not a whole image")
    assert str(notes).startswith("gesund/notes.txt: not one of .jpg")
    assert [left_out.kind for left_out in survey.left_out] == ["other", "other", "duplicate"]


def _every_kind(folder: Path) -> list[Path]:
    rng = np.random.default_rng(0)
    colours = rng.integers(0, 255, (30, 40, 3), dtype=np.uint8)
    deep = rng.integers(0, 65536, (30, 40)).astype(np.uint16)
    kinds = {
        "rgb.png": Image.fromarray(colours),
        "grey.png": Image.fromarray(colours[..., 0]),
        "rgba.png": Image.fromarray(np.dstack([colours, colours[..., :1]])),
        "deep.png": Image.fromarray(deep),
        "deep.tif": Image.fromarray(deep),
        "palette.gif": Image.fromarray(colours).quantize(16),
        "bits.png": Image.fromarray(colours[..., 0]).convert("1"),
        "web.webp": Image.fromarray(colours),
        "cmyk.jpg": Image.fromarray(colours).convert("CMYK"),
        "map.bmp": Image.fromarray(colours),
        "float.tif": Image.fromarray((deep / 2).astype(np.float32)),
    }
    for name, image in kinds.items():
        image.save(folder / name)
    exif = Image.Exif()
    exif[274] = 6  # to be turned by 90 degrees
    Image.fromarray(colours).save(folder / "turned.jpg", exif=exif)
    return [*(folder / name for name in kinds), folder / "turned.jpg"]


def test_every_kind_of_image_is_the_same_here_and_on_a_device(tmp_path: Path) -> None:
    classifier = object.__new__(edge.Classifier)
    classifier.height = classifier.width = 24
    classifier.channels = 3
    for path in _every_kind(tmp_path):
        digest, pixels = read(path, 24)
        assert pixels is not None, digest
        np.testing.assert_array_equal(pixels.transpose(1, 2, 0), classifier.read(path), err_msg=path.name)
        assert pixels.std() > 10, f"{path.name} lost its contrast"
    upright, turned = (read(tmp_path / name, 24)[1] for name in ("rgb.png", "turned.jpg"))
    assert upright is not None
    assert turned is not None
    assert (
        np.abs(upright.astype(int) - turned).mean() > np.abs(np.rot90(upright, -1, (1, 2)).astype(int) - turned).mean()
    )


@pytest.mark.parametrize("by", ["csv", "pattern"])
def test_a_group_is_in_one_split_only(root: Path, tmp_path: Path, by: str) -> None:
    table = tmp_path / "groups.csv"
    rows = [(p.relative_to(root).as_posix(), p.name.split("_")[0]) for p in root.rglob("*.*")]
    table.write_text("file,group\n" + "".join(f'"{name}",{group}\n' for name, group in rows), encoding="utf-8")
    folder = Folder(str(root), groups=str(table)) if by == "csv" else Folder(str(root), pattern=r"(pflanze \d+)_")
    images = load_folder_of(folder)
    assert images.groups is not None
    assert len(set(images.groups.tolist())) == 10  # ten plants, three of them with photos of both classes
    shares = {f"{part}_{role}": 0.2 for part in ("validation", "test") for role in ("majority", "minority")}
    source = survey_folder(folder).source
    counts = {"train_majority": "all", "train_minority": "all"} | shares
    data = Data(source=source, minority=("kränklich, sehr",), split="grouped", **counts)
    for seed in range(3):
        split = draw_split(data, images, seed)
        parts = [set(images.groups[part].tolist()) for part in (split.train, split.validation, split.test)]
        assert not parts[0] & parts[1] | parts[0] & parts[2] | parts[1] & parts[2]
        assert sorted(np.concatenate([split.train, split.validation, split.test]).tolist()) == list(range(39))
        for part in (split.train, split.validation, split.test):
            assert set(split.classes[part].tolist()) == {0, 1}


def test_images_without_a_group_and_names_that_fit_several_are_said(root: Path, tmp_path: Path) -> None:
    survey = survey_folder(Folder(str(root), pattern=r"(pflanze [12])_"))
    assert len(survey.ungrouped) == 30 - 6 + 9 - 6
    photo(root / "kränklich, sehr" / "pflanze 0_0.png", 999)  # a name that a healthy one has too
    table = tmp_path / "short.csv"
    table.write_text("file,group\npflanze 0_0.png,1\n", encoding="utf-8")
    with pytest.raises(DataError, match=r"pflanze 0_0\.png is the name of 2 images; give its path"):
        survey_folder(Folder(str(root), groups=str(table)))
    table.write_text("file,group\na.png,1\na.png,2\n", encoding="utf-8")
    with pytest.raises(DataError, match=r"a\.png is in two groups, 1 and 2"):
        survey_folder(Folder(str(root), groups=str(table)))


def test_a_file_name_in_another_encoding_is_left_out(root: Path) -> None:
    raw = os.fsencode(root / "gesund") + b"/Bl\xe4tt.png"
    with open(raw, "wb") as file:
        file.write((root / "gesund" / "pflanze 0_0.png").read_bytes())
    survey = survey_folder(Folder(str(root)))
    assert [left_out.reason for left_out in survey.left_out] == ["a name that is no text"]
    assert sum(survey.counts.values()) == 39


def test_what_is_wrong_is_said(root: Path, tmp_path: Path) -> None:
    (tmp_path / "one" / "only").mkdir(parents=True)
    (tmp_path / "empty").mkdir()
    photo(tmp_path / "one" / "only" / "a.png", 1)
    (tmp_path / "texts" / "a").mkdir(parents=True)
    (tmp_path / "texts" / "a" / "a.txt").write_text("x")
    (tmp_path / "bad.csv").write_text("name,plant\na,b\n")
    (tmp_path / "others.csv").write_text("file,group\nelsewhere.png,1\n")
    (tmp_path / "short.csv").write_text("group,file\n1\n")
    cases = {
        Folder(str(root), groups=str(tmp_path / "short.csv")): "none of its 1 files is among the images",
        Folder(str(tmp_path / "nowhere")): "no such folder",
        Folder(str(tmp_path / "empty")): "no image in its class folders",
        Folder(str(tmp_path / "texts")): r"no image in its class folders \(1 files",
        Folder(str(tmp_path / "one")): "one class only",
        Folder(str(root), groups=str(tmp_path / "bad.csv")): "columns name, plant; file and group are needed",
        Folder(str(root), groups=str(tmp_path / "others.csv")): "none of its 1 files is among the images",
        Folder(str(root), pattern="("): "group pattern",
        Folder(str(root), pattern="pflanze"): "parentheses around the group are needed",
        Folder(str(root), pattern="(tree)"): "is found in no image name",
    }
    for folder, says in cases.items():
        with pytest.raises(DataError, match=says):
            survey_folder(folder)
    images = load_folder_of(Folder(str(root)))
    with pytest.raises(ConfigurationError, match=r"unknown class 'gesundd' \(did you mean 'gesund'\?\)"):
        draw_split(Data(minority=("gesundd",)), images, 0)


def test_a_link_to_a_folder_above_pulls_nothing_in(root: Path, tmp_path: Path) -> None:
    photo(tmp_path / "a stranger's.png", 998)
    photo(tmp_path / "other" / "a stranger's too.png", 997)
    (root / "gesund" / "up").symlink_to("../..")
    (root / "up").symlink_to("..")  # nor is it a class
    (root / "self").symlink_to(".")
    assert survey_folder(Folder(str(root))).counts == {"gesund": 30, "kränklich, sehr": 9}


def test_a_broken_exif_header_turns_nothing_and_refuses_nothing(root: Path) -> None:
    path = root / "gesund" / "broken header.jpg"
    noise = np.random.default_rng(0).integers(0, 255, (30, 40, 3), dtype=np.uint8)
    Image.fromarray(noise).save(path, exif=b"Exif\x00\x00no TIFF header at all")
    survey = survey_folder(Folder(str(root)))
    assert path in survey.files
    images = load_folder(survey.source, Folder(str(root)), 16)
    with Image.open(path) as image:
        expected = np.asarray(image.convert("RGB").resize((16, 16), Image.Resampling.BILINEAR)).transpose(2, 0, 1)
    np.testing.assert_array_equal(images.pixels[np.array([survey.files.index(path)])][0], expected)


def test_an_umlaut_in_two_code_points_is_the_same_name(root: Path) -> None:
    composed = survey_folder(Folder(str(root)))
    (root / "kränklich, sehr").rename(root / unicodedata.normalize("NFD", "kränklich, sehr"))
    decomposed = survey_folder(Folder(str(root)))
    assert decomposed.class_names == composed.class_names
    assert decomposed.source == composed.source


def test_what_is_in_two_classes_or_in_none_is_said(root: Path) -> None:
    (root / "gesund" / "copy.jpg").write_bytes((root / "kränklich, sehr/more/pflanze 0_0.jpg").read_bytes())
    photo(root / "loose.png", 996)
    conflict, loose = survey_folder(Folder(str(root))).left_out
    assert (str(conflict), conflict.kind) == (
        "kränklich, sehr/more/pflanze 0_0.jpg: the same bytes as gesund/copy.jpg, of another class: which is right?",
        "conflict",
    )
    assert (str(loose), loose.kind) == ("loose.png: in no class folder", "other")


@pytest.mark.parametrize("names", [("ER+", "PR+"), ("others", "healthy"), ("C++", "C")])
def test_unusual_class_names(names: tuple[str, str], tmp_path: Path) -> None:
    for number, name in enumerate(names):
        for i in range(6):
            photo(tmp_path / name / f"{i}.png", 10 * number + i)
    counts = dict.fromkeys(("validation_majority", "validation_minority", "test_majority", "test_minority"), 1)
    data = Data(minority=names[:1], majority=names[1:], train_majority=2, train_minority=2, **counts)
    split = draw_split(data, load_folder_of(Folder(str(tmp_path))), 0)
    assert len(split.train) == 4
    assert (split.classes == 1).sum() == 6


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_folder_without_permission_is_named(root: Path) -> None:
    (root / "gesund").chmod(0)
    with pytest.raises(DataError, match=r"gesund: cannot be read \(Permission denied\)"):
        survey_folder(Folder(str(root)))
    (root / "gesund").chmod(0o755)
