"""`python -m export.evaluate`: an exported file on labelled images, with what a device has."""

import csv
import json
import os
import shutil
import subprocess
from pathlib import Path

import numpy as np
import onnx
import pytest
from PIL import Image
from scipy.stats import binomtest, bootstrap
from sklearn.metrics import confusion_matrix, precision_recall_fscore_support

from export import edge, evaluate
from trainables.data.images import PART_OF_NAME

SIZE = 8
CLASSES = ["dark", "bright"]


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Returns a model whose P(bright) is the mean of the image, in [0, 1]."""
    path = tmp_path_factory.mktemp("model") / "mean.onnx"
    nodes = [
        onnx.helper.make_node("Cast", ["x"], ["f"], to=onnx.TensorProto.FLOAT),
        onnx.helper.make_node("ReduceMean", ["f"], ["m"], axes=[1, 2, 3], keepdims=0),
        onnx.helper.make_node("Div", ["m", "white"], ["share"]),
        onnx.helper.make_node("Unsqueeze", ["share", "axis"], ["bright"]),
        onnx.helper.make_node("Sub", ["one", "bright"], ["dark"]),
        onnx.helper.make_node("Concat", ["dark", "bright"], ["y"], axis=1),
    ]
    constants = {"white": np.float32(255), "one": np.float32(1), "axis": np.array([1])}
    graph = onnx.helper.make_graph(
        nodes, "g", [onnx.helper.make_tensor_value_info("x", onnx.TensorProto.UINT8, ["n", SIZE, SIZE, 3])],
        [onnx.helper.make_tensor_value_info("y", onnx.TensorProto.FLOAT, ["n", 2])],
        [onnx.numpy_helper.from_array(np.asarray(value), name) for name, value in constants.items()],
    )  # fmt: skip
    made = onnx.helper.make_model(graph, ir_version=8, opset_imports=[onnx.helper.make_opsetid("", 17)])
    made.metadata_props.add(key="classes", value=json.dumps(CLASSES))
    made.metadata_props.add(key="roles", value=json.dumps(["majority", "minority"]))
    onnx.save(made, path)
    return path


def _grey(value: int, path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.full((SIZE, SIZE, 3), value, np.uint8)).save(path)
    return path


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """Returns 30 dark photos, 4 of which look bright, and 8 bright ones, 2 of which look dark."""
    root = tmp_path / "photos"
    for i in range(30):
        _grey(200 if i < 4 else 40, root / "dark" / f"{i}.png")
    for i in range(8):
        _grey(60 if i < 2 else 220, root / "bright" / f"{i}.png")
    return root


def _wilson(hits: int, total: float) -> list[float]:
    interval = binomtest(hits, int(total)).proportion_ci(method="wilson")
    return [float(interval.low), float(interval.high)]


def _evaluated(capsys: pytest.CaptureFixture[str], *arguments: object, code: int = 0) -> dict[str, object]:
    assert evaluate.main([*map(str, arguments), "--json"]) == code
    data: dict[str, object] = json.loads(capsys.readouterr().out)
    return data


def test_counts_and_scores_are_those_of_scikit_learn_and_scipy(
    model: Path, photos: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = _evaluated(capsys, model, f"folder:{photos}")
    labels = np.array([0] * 30 + [1] * 8)
    decided = np.array([1] * 4 + [0] * 26 + [0] * 2 + [1] * 6)
    assert data["confusion"] == confusion_matrix(labels, decided).tolist()
    scores = data["scores"]
    assert isinstance(scores, dict)
    for k, name in enumerate(CLASSES):
        precision, recall, f1, images = (
            float(values[k]) for values in precision_recall_fscore_support(labels, decided)
        )
        hits, found = int(((labels == k) & (decided == k)).sum()), int((decided == k).sum())
        assert scores[name]["images"] == images
        assert scores[name]["precision"] == pytest.approx([precision, *_wilson(hits, found)])
        assert scores[name]["recall"] == pytest.approx([recall, *_wilson(hits, images)])
        assert scores[name]["f1"][0] == pytest.approx(f1)

        def f1_of(target: np.ndarray, answer: np.ndarray, k: int = k) -> float:
            return float(2 * ((target == k) & (answer == k)).sum() / ((target == k).sum() + (answer == k).sum()))

        expected = bootstrap(
            (labels, decided), f1_of, paired=True, vectorized=False, n_resamples=4000, method="percentile", rng=0
        ).confidence_interval
        assert scores[name]["f1"][1:] == pytest.approx(list(expected), abs=0.02)
    assert data["rare"] == ["bright"]
    assert data["rare_f1"] == scores["bright"]["f1"][0]


def test_the_threshold_curve_says_what_is_found_and_what_is_a_false_alarm(
    model: Path, photos: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = _evaluated(capsys, model, f"folder:{photos}")
    thresholds = data["thresholds"]
    assert isinstance(thresholds, list)
    at = {row["threshold"]: row for row in thresholds}
    assert (at[0.01]["found"], at[0.01]["missed"], at[0.01]["false_alarms"]) == (8, 0, 30)
    assert (at[0.2]["found"], at[0.2]["false_alarms"]) == (8, 4)  # 40 / 255 < 0.2 < 60 / 255
    assert (at[0.8]["found"], at[0.8]["false_alarms"]) == (6, 0)  # 200 / 255 < 0.8 < 220 / 255
    assert at[0.8]["recall"] == 0.75
    assert at[0.8]["precision"] == 1
    assert (at[0.99]["found"], at[0.99]["f1"]) == (0, 0)


def test_the_report_is_read_at_a_glance(model: Path, photos: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert evaluate.main([str(model), str(photos)]) == 0
    out = capsys.readouterr().out.splitlines()
    assert out[1:4] == ["label \\ decided  dark  bright", "dark             26    4", "bright           2     6"]
    assert any(line.startswith("bright  8       0.600 [0.313, 0.832]  0.750 [0.409, 0.929]  0.667 [") for line in out)


def test_below_what_is_asked_for_is_exit_code_1(model: Path, photos: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert evaluate.main([str(model), f"folder:{photos}", "--at-least", "0.66"]) == 0
    capsys.readouterr()
    assert evaluate.main([str(model), f"folder:{photos}", "--at-least", "0.67"]) == 1
    assert capsys.readouterr().err == "F1 of bright is 0.6667; --at-least 0.67 is asked for\n"
    assert evaluate.main([str(model), f"folder:{photos}", "--at-least", "0.85", "--rare", "dark"]) == 0
    capsys.readouterr()
    shutil.rmtree(photos / "bright")
    assert evaluate.main([str(model), f"folder:{photos}", "--at-least", "0"]) == 1
    assert "F1 of bright cannot be said without an image" in capsys.readouterr().err


def test_folders_of_other_names_and_splits(model: Path, photos: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (photos / "bright").rename(photos / "plant___bright")
    _grey(0, photos / "other" / "1.png")
    _grey(0, photos / "loose.png")
    (photos / "dark" / "notes.txt").write_text("any")
    assert evaluate.main([str(model), f"folder:{photos}", "--class", "plant___bright=bright", "--json"]) == 0
    said = capsys.readouterr()
    assert json.loads(said.out)["confusion"] == [[26, 4], [2, 6]]
    assert "passed over 1 images of 'other': no class of this model (dark, bright)" in said.err
    assert f"passed over {photos}/loose.png: in no class folder" in said.err
    assert "notes.txt: not one of" in said.err
    shutil.rmtree(photos / "other")
    (photos / "loose.png").unlink()
    (photos / "plant___bright").rename(photos / "bright")
    split = photos.parent / "split"
    for name in ("dark", "bright"):
        for i, path in enumerate(sorted((photos / name).iterdir())):
            place = split / ("Train" if i % 2 else "test") / name / path.name
            place.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(path, place)
    assert evaluate.main([str(model), f"folder:{split}", "--json"]) == 0
    said = capsys.readouterr()
    assert json.loads(said.out)["confusion"] == [[26, 4], [2, 6]]
    assert "taken together: Train, test" in said.err


def test_a_table_names_the_labels(
    model: Path, photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = [(str(path.relative_to(photos)), path.parent.name) for path in sorted(photos.rglob("*.png"))]
    for delimiter, encoding in ((",", "utf-8-sig"), (";", "utf-8"), ("\t", "utf-8")):
        with (tmp_path / "labels.csv").open("w", newline="", encoding=encoding) as stream:
            csv.writer(stream, delimiter=delimiter).writerows(
                [("file", "label", "more"), *((*row, "x") for row in rows)]
            )
        data = _evaluated(capsys, model, f"folder:{photos}", "--labels", tmp_path / "labels.csv")
        assert data["confusion"] == [[26, 4], [2, 6]]


def test_images_that_cannot_be_read_are_named_and_in_no_number(
    model: Path, photos: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (photos / "dark" / "broken \x1b[31m.png").write_bytes(b"no image")
    os.mkfifo(photos / "dark" / "waits.png")
    assert evaluate.main([str(model), f"folder:{photos}", "--json"]) == 1
    said = capsys.readouterr()
    assert json.loads(said.out)["not_classified"] == 2
    assert json.loads(said.out)["confusion"] == [[26, 4], [2, 6]]
    assert said.err.count("error: ") == 2
    assert all(line.isprintable() for line in said.err.splitlines())


def test_what_is_wrong_is_one_line(
    model: Path, photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    tables = {
        "no columns.csv": "name,class\n1,dark\n",
        "no label.csv": "file,label\ndark/1.png,\n",
        "twice.csv": "file,label\ndark/1.png,dark\ndark/1.png,bright\n",
        "empty.csv": "file,label\n",
        "unknown.csv": "file,label\ndark/1.png,odd\n",
    }
    for name, text in tables.items():
        (tmp_path / name).write_text(text)
    (tmp_path / "latin.csv").write_bytes("file,label\ndark/é.png,dark\n".encode("latin-1"))
    (tmp_path / "empty").mkdir()
    (tmp_path / "flat").mkdir()
    _grey(0, tmp_path / "flat" / "1.png")
    whole = f"folder:{photos}"
    wrong: dict[tuple[str, ...], str] = {
        (f"folder:{tmp_path}/nowhere",): "no such folder",
        (f"folder:{tmp_path}/empty",): "no image in this folder",
        (f"folder:{tmp_path}/flat",): "no folder per class in it; --labels names the class of every image",
        (whole, "--labels", str(tmp_path / "nowhere.csv")): "no table that can be read",
        (whole, "--labels", str(tmp_path / "latin.csv")): "no table that can be read",
        (whole, "--labels", str(tmp_path / "no columns.csv")): "has the columns name, class; file and label are needed",
        (whole, "--labels", str(tmp_path / "no label.csv")): "line 2: file 'dark/1.png' with label ''",
        (whole, "--labels", str(tmp_path / "twice.csv")): "line 3: dark/1.png is 'bright' here and 'dark' above",
        (whole, "--labels", str(tmp_path / "empty.csv")): "no row",
        (whole, "--labels", str(tmp_path / "unknown.csv")): "no image of a class of this model (dark, bright)",
        (whole, "--rare", "odd"): "--rare 'odd': no class of this model; there are dark, bright",
        (whole, "--labels", str(tmp_path / "twice.csv"), "--class", "a=dark"): "give one of them",
        (whole, "--provider", "Nowhere"): "provider 'Nowhere' is not in this onnxruntime",
    }
    for arguments, says in wrong.items():
        assert evaluate.main([str(model), *arguments]) == 2
        said = capsys.readouterr()
        assert says in said.err
        assert said.err.count("\n") == 1
        assert not said.out
    for arguments, says in {("--at-least", "1.5"): "a number from 0 to 1", ("--class", "a"): "FOLDER=CLASS"}.items():
        with pytest.raises(SystemExit):
            evaluate.main([str(model), whole, *arguments])
        assert says in capsys.readouterr().err


@pytest.mark.timeout(300)
def test_it_runs_beside_edge_in_an_environment_that_has_nothing_else(
    model: Path, photos: Path, tmp_path: Path, clean_python: str
) -> None:
    for module in (edge, evaluate):
        shutil.copy(str(module.__file__), tmp_path)
    command = [clean_python, "evaluate.py", str(model), f"folder:{photos}", "--at-least", "0.9"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 1, done.stderr
    assert "label \\ decided  dark  bright" in done.stdout
    assert "--at-least 0.9 is asked for" in done.stderr


def test_it_passes_over_the_same_folder_names_as_training_does() -> None:
    """The file has to be copied alone, so it says again what the training core says."""
    assert set(PART_OF_NAME) == evaluate.SPLITS
