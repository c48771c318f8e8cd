"""Somebody's own images, from a folder to a page and a file for a device; what cannot work is said before it starts."""

import json
import re
import shutil
from hashlib import sha256
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from export import edge
from study import grid
from study.commandline import command

GREEN, BROWN = 60, 170


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """60 healthy and 14 sick leaves that are easy to tell apart, 3 of another kind."""
    rng = np.random.default_rng(0)
    for name, number, brightness in (("healthy", 60, GREEN), ("krank, sehr", 14, BROWN), ("other kind", 3, 250)):
        folder = tmp_path / "leaves" / name
        folder.mkdir(parents=True)
        for i in range(number):
            pixels = np.clip(rng.normal(brightness, 30, (24, 32, 3)), 0, 255).astype(np.uint8)
            Image.fromarray(pixels).save(folder / f"tree{i % 8} {i}.png")
    return tmp_path / "leaves"


def _grid(*arguments: str) -> int:
    with pytest.raises(SystemExit) as caught:
        command.run_command(grid.main, ["images", "--network", "cnn", "--image-size", "16", *arguments])
    return int(caught.value.code or 0)


@pytest.mark.usefixtures("ray_local")
@pytest.mark.timeout(240)
def test_from_a_folder_to_a_page_and_a_device(photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    runs = tmp_path / "runs"
    arguments = ("--data", f"folder:{photos}", "--minority", "krank, sehr", "--majority", "healthy", "--seeds", "2",
                 "--set", "schedule.epochs=6", "--export", "--runs", str(runs))  # fmt: skip
    assert _grid(*arguments) == 0
    said = capsys.readouterr().out
    assert re.search(r"krank, sehr +│ minority │ +14 │ +8 │ +3 │ +3", said)
    assert "sizes: 32x24 (77); all become 16 x 16" in said
    assert "warning: krank, sehr: 3 test images a seed" in said
    assert "warning: 3 images are of classes that no role names; they take no part" in said
    assert "44 training images: schedule.batch_size 16, schedule.steps_per_epoch 15" in said
    assert "20 runs done, 0 were there, 0 failed" in said
    page = (runs / "pages" / "images.html").read_text()
    assert f"page to read: {runs / 'pages' / 'images.html'}" in said
    assert "Krank, sehr in leaves" in page  # a heading begins in upper case
    for shown in (said, page):  # the answer comes first
        assert "Too little to decide: 2 seeds where 6 are needed, 3 rare test photos a seed" in shown
    assert said.index("the answer: krank, sehr in leaves") < said.index("images: does a final BN help")
    assert page.index("Too little to decide") < page.index("Made by")
    file = Path(re.findall(r"export\.edge (\S+\.onnx) IMAGE", said)[-1])
    card = json.loads(file.with_suffix(".json").read_text())
    assert file.parent == runs / "deploy"
    assert file.name.startswith("krank-sehr-in-leaves-74_")
    assert f"arm        {card['arm']}, " in said  # the box, the file, the page and the card are about one model
    assert f"recall     {card['recall']['mean']:.3f} [" in said
    assert str(file) in page
    assert card["sha256"] == sha256(file.read_bytes()).hexdigest()
    assert card["photos"]["krank, sehr"] == {"train": 8, "validation": 3, "test": 3}
    assert edge.main([str(file), str(photos / "krank, sehr"), "--json"]) == 0
    decided = [json.loads(line)["class"] for line in capsys.readouterr().out.splitlines()]
    assert decided.count("krank, sehr") >= 12
    moved = photos.rename(photos.with_name("moved"))  # the runs belong to the content
    again = [argument.replace(str(photos), str(moved)) for argument in arguments if argument != "--export"]
    assert _grid(*again) == 0
    assert "0 runs done, 20 were there" in capsys.readouterr().out


WRONG = {
    "no folder named": ([], "images: where are your images? --data folder:PATH --minority CLASS"),
    "no rare class": (["--data", "folder:PHOTOS"], "name it with --minority; there are: other kind (3)"),
    "unknown class": (["--data", "folder:PHOTOS", "--minority", "helthy"], "did you mean 'healthy'?"),
    "nowhere": (["--data", "folder:PHOTOS/nowhere", "--minority", "a"], "/nowhere: no such folder"),
    "no path": (["--data", "folder:"], "--data folder: names no folder; the form is folder:PATH"),
    "no such user": (["--data", "folder:~nobody-of-this-name/x", "--minority", "a"], "~nobody-of-this-name/x: "),
    "groups twice": (
        ["--data", "folder:PHOTOS", "--minority", "healthy", "--groups", "x.csv", "--group-pattern", "(.)"],
        "groups are given twice",
    ),
    "labels alone": (["--labels", "x.csv"], "--labels and --split say more of --data folder:PATH, which is not given"),
    "no table": (["--data", "folder:PHOTOS", "--labels", "x.csv", "--minority", "a"], "x.csv: cannot be read"),
    "groups alone": (["--groups", "x.csv"], "--groups and --group-pattern say more of --data folder:PATH"),
    "every image": (["--minority", "a", "--set", "data.split=everything"], "leaves no image to test on; --refit"),
    "refit alone": (["--data", "folder:PHOTOS", "--minority", "healthy", "--refit"], "--refit makes a file to deploy"),
    "ratio": (["--data", "folder:PHOTOS", "--minority", "other kind", "--ratio", "0.5"], "3 there"),
}  # fmt: skip


@pytest.mark.parametrize(("arguments", "says"), WRONG.values(), ids=WRONG.keys())
def test_what_cannot_work_is_one_line(
    arguments: list[str], says: str, photos: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert _grid(*(argument.replace("PHOTOS", str(photos)) for argument in arguments), "--dry-run") == 2
    error = capsys.readouterr().err
    assert says in error
    assert error.count("\n") == 1


def test_one_class_at_least_is_frequent(photos: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shutil.rmtree(photos / "krank, sehr")
    assert _grid("--data", f"folder:{photos}", "--minority", "healthy,other kind", "--dry-run") == 2
    assert "every class is named rare (healthy,other kind); at least one has to be frequent" in capsys.readouterr().err


def test_two_images_are_refused_and_few_are_warned_about(
    photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for path in sorted((photos / "other kind").iterdir())[:1]:
        path.unlink()
    arguments = ("--data", f"folder:{photos}", "--minority", "krank, sehr", "--dry-run", "--runs", str(tmp_path))
    assert _grid(*arguments, "--majority", "healthy,other kind") == 2
    assert "class 'other kind': 2 images; 3 are the least" in capsys.readouterr().err
    assert _grid(*arguments) == 0  # taken together they are many
    said = capsys.readouterr().out
    assert "others: healthy (60), other kind (2)" in said
    assert "imbalance: 38 frequent to 8 rare training images, 4.8 to 1" in said
    assert _grid(*arguments, "--set", "data.test_minority=0") == 0
    assert "warning: krank, sehr: no test images; no F1 can be said of it" in capsys.readouterr().out
    assert _grid(*arguments, "--majority", "healthy") == 0  # one that takes no part may be small
    assert "2 images are of classes that no role names" in capsys.readouterr().out
    for path in (photos / "other kind").iterdir():
        path.unlink()
    for path in sorted((photos / "krank, sehr").iterdir())[:9]:
        path.unlink()
    assert _grid(*arguments) == 0
    said = capsys.readouterr().out
    assert "warning: krank, sehr: 5 images; whatever comes out rests on very few" in said
    assert re.search(r"healthy +│ majority", said)  # the only other class is called by its name


def test_groups_and_a_ratio(photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ("--data", f"folder:{photos}", "--minority", "krank, sehr", "--majority", "healthy", "--dry-run",
                 "--runs", str(tmp_path))  # fmt: skip
    assert _grid(*arguments, "--ratio", "0.1") == 0
    assert re.search(r"krank, sehr +│ minority │ +14 │ +4 │ +3 │ +3", capsys.readouterr().out)
    several = [*arguments[:5], "healthy,other kind", *arguments[6:], "--ratio", "1.0"]
    assert _grid(*several) == 0  # the smaller of two frequent classes says how many there can be
    assert re.search(r"other kind +│ majority │ +3 │ +1 │ +1 │ +1", capsys.readouterr().out)
    pattern = ("--group-pattern", r"(tree\d)")
    assert _grid(*arguments, *pattern, "--ratio", "0.05") == 0  # as many frequent images as every seed's groups give
    assert re.search(r"krank, sehr +│ minority │ +14 │ +2 │", capsys.readouterr().out)
    assert _grid(*arguments, *pattern) == 0
    assert "groups: 8; a group is in one split only" in capsys.readouterr().out


def test_a_given_split_is_kept_or_said_to_be_pooled(
    photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ("--data", str(photos), "--minority", "krank, sehr", "--dry-run", "--runs", str(tmp_path))
    shutil.rmtree(photos / "other kind")
    assert _grid(*arguments, "--split", "folders") == 2
    assert "--split folders: there are no folders train, val, test above the classes" in capsys.readouterr().err
    for part, numbers in {"test": (10, 3), "train": (50, 11)}.items():
        for name, number in zip(("healthy", "krank, sehr"), numbers, strict=True):
            (photos / part / name).mkdir(parents=True)
            for path in sorted((photos / name).iterdir())[:number]:
                path.rename(photos / part / name / path.name)
    for name in ("healthy", "krank, sehr"):
        (photos / name).rmdir()
    assert _grid(*arguments) == 0
    said = capsys.readouterr().out
    pooled = "warning: train (61), test (13) are taken together, and every seed draws its own split from them; --split "
    assert f"{pooled}folders keeps them as given" in said
    assert _grid(*arguments, "--split", "random") == 0
    assert "are taken together" not in capsys.readouterr().out
    assert _grid(*arguments, "--split", "folders") == 0
    said = capsys.readouterr().out
    assert re.search(r"healthy +│ majority │ +60 │ +40 │ +10 │ +10", said)
    assert (
        "split: as given (train 61, test 13): a fifth of train, drawn by each seed, validates; every seed tests" in said
    )
    assert "are taken together" not in said
    assert _grid(*arguments, "--split", "folders", "--ratio", "0.1") == 0
    assert re.search(r"krank, sehr +│ minority │ +14 │ +4 │", capsys.readouterr().out)
    assert _grid(*arguments, "--split", "folders", "--set", "data.split=random") == 2
    assert "--split folders and --set data.split say the same" in capsys.readouterr().err


def test_a_table_names_the_classes_and_their_split(
    photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = [
        f"{path.relative_to(photos).as_posix()},{'sick' if path.parent.name == 'other kind' or i % 5 == 0 else 'fine'}"
        for i, path in enumerate(sorted(photos.rglob("*.png")))
        if "krank" not in path.parent.name
    ]
    (photos / "labels.csv").write_text("file,label\n" + "\n".join(rows) + "\nelsewhere.png,fine\n", encoding="utf-8")
    arguments = ("--data", str(photos), "--labels", "labels.csv", "--minority", "sick", "--dry-run", "--runs",
                 str(tmp_path))  # fmt: skip
    assert _grid(*arguments) == 0
    said = capsys.readouterr().out
    assert re.search(r"fine +│ majority │ +4\d │", said)
    assert "warning: 14 images have no row in the table and take no part, such as krank, sehr/tree0 0.png" in said
    assert "warning: 1 rows of the table name no image that is there, such as elsewhere.png" in said
    parts = ("train", "train", "train", "val", "test")
    split_rows = [f"{row},{parts[i % 7 % 5]}" for i, row in enumerate(rows)]
    (photos / "labels.csv").write_text("file,label,split\n" + "\n".join(split_rows), encoding="utf-8")
    assert _grid(*arguments) == 0
    assert re.search(r"split: as given \(train \d+, val \d+, test \d+\); every seed", capsys.readouterr().out)
    assert _grid(*arguments, "--split", "random") == 0
    assert "split: as given" not in capsys.readouterr().out


@pytest.mark.parametrize(
    "names",
    [
        ("--minority", "krank, sehr", "--minority", "a+b"),
        ("--minority", "krank, sehr,a+b"),
        ("--minority", "a+b,krank, sehr,"),
    ],
    ids=["repeated", "one list", "an empty part"],
)
def test_classes_with_commas_and_plus_signs(
    names: tuple[str, ...], photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (photos / "other kind").rename(photos / "a+b")
    assert _grid("--data", str(photos), *names, "--dry-run", "--runs", str(tmp_path)) == 0
    said = capsys.readouterr().out
    assert re.search(r"krank, sehr +│ minority │ +14 │", said)
    assert re.search(r"a\+b +│ minority │ +3 │", said)


def test_near_duplicates_are_counted_across_splits_and_kept_together(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rng = np.random.default_rng(0)
    for name, number in (("fine", 40), ("sick", 12)):
        (tmp_path / "photos" / name).mkdir(parents=True)
        for i in range(number):
            picture = Image.fromarray((rng.uniform(0, 255, (12, 12, 1)) * [0.9, 1, 0.5]).astype(np.uint8)).resize(
                (60, 60)
            )
            picture.save(tmp_path / "photos" / name / f"{i}.png")
            if name == "sick":
                picture.resize((50, 50)).save(tmp_path / "photos" / name / f"{i}-again.jpg", quality=80)
    arguments = ("--data", str(tmp_path / "photos"), "--minority", "sick", "--dry-run", "--runs", str(tmp_path))
    assert _grid(*arguments) == 0
    said = capsys.readouterr().out
    assert "near-duplicates: 24 images show 12 pictures, resized, recompressed or changed a little" in said
    number = int(
        re.findall(r"warning: (\d) of 13 test images \(\d sick\) have a twin in training, a near-dupl", said)[0]
    )
    assert 1 <= number <= 5
    assert "--groups near-duplicates keeps them together" in said
    assert _grid(*arguments, "--groups", "near-duplicates") == 0
    said = capsys.readouterr().out
    assert "groups: 52; a group is in one split only" in said
    assert "have a twin in training" not in said


def test_a_small_network_gets_a_size_that_fits_it(
    photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["images", "--data", str(photos), "--minority", "krank, sehr", "--dry-run", "--runs", str(tmp_path)]
    assert grid.main([*arguments, "--network", "cnn"]) == 0
    assert "all become 32 x 32, enough for a small network; --image-size says otherwise" in capsys.readouterr().out
    for path in (photos / "healthy").iterdir():
        Image.open(path).resize((200, 100)).save(path)
    assert grid.main([*arguments, "--network", "cnn"]) == 0
    assert "all become 64 x 64, enough" in capsys.readouterr().out
    assert grid.main([*arguments, "--network", "cnn", "--set", "data.image_size=224"]) == 0
    assert "all become 224 x 224\n" in capsys.readouterr().out
    assert grid.main(arguments) == 0
    assert "all become 224 x 224\n" in capsys.readouterr().out


def test_a_file_name_does_not_say_why_it_is_left_out(
    photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (photos / "healthy" / "the same bytes as, of another class.txt").write_text("no image")
    (photos / "healthy" / "zz.png").write_bytes((photos / "healthy" / "tree0 0.png").read_bytes())
    (photos / "other kind" / "zz.png").write_bytes((photos / "krank, sehr" / "tree0 0.png").read_bytes())
    arguments = ("--data", f"folder:{photos}", "--minority", "krank, sehr", "--dry-run", "--runs", str(tmp_path))
    assert _grid(*arguments) == 0
    said = capsys.readouterr().out
    assert "2 duplicates left out: healthy/zz.png: the same bytes as healthy/tree0 0.png; other kind/zz.png: " in said
    assert "1 other file left out: healthy/the same bytes as, of another class.txt: not one of .jpg" in said
    assert "warning: 1 images are in two classes: other kind/zz.png: the same bytes as krank, sehr/tree0 0.png" in said
