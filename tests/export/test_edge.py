"""The edge runtime alone: in an environment that has nothing but numpy, onnxruntime and Pillow."""

import ast
import json
import os
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from PIL import Image

from export import edge
from export.conversion.torch_to_onnx import Deployed, to_onnx
from trainables.configuration import Network
from trainables.data import image_files
from trainables.networks.classifier import build_network

CLASSES = ("healthy", "a rare, odd class")


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.manual_seed(0)
    network = build_network(Network(name="cnn", final_norm="batch"), (3, 20, 24), 2)
    path = tmp_path_factory.mktemp("model") / "keep.onnx"
    onnx.save(to_onnx(Deployed(network, "softmax"), (3, 20, 24), {"classes": json.dumps(CLASSES)}), path)
    return path


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    folder = tmp_path / "photos é with spaces"
    folder.mkdir()
    noise = np.random.default_rng(0).integers(0, 255, (30, 40, 3), dtype=np.uint8)
    Image.fromarray(noise).save(folder / "rgb.jpg")
    Image.fromarray(noise[..., 0]).save(folder / "grey.png")
    Image.fromarray(np.dstack([noise, noise[..., :1]]), "RGBA").save(folder / "rgba.png")
    exif = Image.Exif()
    exif[274] = 6  # to be turned by 90 degrees
    Image.fromarray(noise).save(folder / "turned.jpg", exif=exif)
    return folder


def test_it_imports_nothing_of_the_project() -> None:
    tree = ast.parse(Path(edge.__file__).read_text())
    names = {a.name.split(".")[0] for n in ast.walk(tree) if isinstance(n, ast.Import) for a in n.names}
    names |= {str(n.module).split(".")[0] for n in ast.walk(tree) if isinstance(n, ast.ImportFrom)}
    assert names - set(sys.stdlib_module_names) == {"numpy", "onnxruntime", "PIL"}


def test_every_kind_of_image_gets_a_class(model: Path, photos: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert edge.main([str(model), str(photos), "--json"]) == 0
    found = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [Path(item["image"]).name for item in found] == ["grey.png", "rgb.jpg", "rgba.png", "turned.jpg"]
    for item in found:
        assert item["class"] in CLASSES
        assert sum(item["probabilities"].values()) == pytest.approx(1, abs=1e-5)
    classifier = edge.Classifier(model)
    upright, turned = (classifier.read(photos / name) for name in ("rgb.jpg", "turned.jpg"))
    assert not np.array_equal(upright, turned)
    assert edge.main([str(model), str(photos / "rgb.jpg")]) == 0
    assert capsys.readouterr().out.startswith(f"{photos / 'rgb.jpg'}  ")


def test_the_same_pixels_give_the_same_probabilities_as_pytorch(model: Path, photos: Path) -> None:
    torch.manual_seed(0)
    network = Deployed(build_network(Network(name="cnn", final_norm="batch"), (3, 20, 24), 2), "softmax").eval()
    classifier = edge.Classifier(model)
    pixels = np.stack([classifier.read(path) for path in edge.find([photos])])
    np.testing.assert_allclose(classifier(pixels), network(torch.from_numpy(pixels)).detach().numpy(), atol=1e-5)


def test_what_is_wrong_is_one_line(
    model: Path, photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (photos / "text.png").write_text("not an image")
    whole = (photos / "rgb.jpg").read_bytes()
    (photos / "cut.jpg").write_bytes(whole[: len(whole) // 2])
    png = bytearray((photos / "grey.png").read_bytes())
    start = png.index(b"IDAT") + 4
    png[start + 20 : start + 400] = bytes(380)
    (photos / "spoilt.png").write_bytes(png)
    assert image_files.read(photos / "spoilt.png", 16)[1] is None
    assert edge.main([str(model), str(photos)]) == 1  # four are done, three named
    said = capsys.readouterr()
    assert len(said.out.splitlines()) == 4
    assert ["not an image" in line for line in said.err.splitlines()] == [True, True, True]
    (tmp_path / "empty").mkdir()
    (tmp_path / "cut.onnx").write_bytes(model.read_bytes()[:500])
    floats = onnx.helper.make_model(onnx.helper.make_graph(
        [onnx.helper.make_node("Relu", ["x"], ["y"])], "g",
        [onnx.helper.make_tensor_value_info("x", onnx.TensorProto.FLOAT, ["n", 3, 8, 8])],
        [onnx.helper.make_tensor_value_info("y", onnx.TensorProto.FLOAT, None)]), ir_version=8,
        opset_imports=[onnx.helper.make_opsetid("", 17)])  # fmt: skip
    onnx.save(floats, tmp_path / "floats.onnx")
    wrong = {
        (str(model), str(tmp_path / "empty")): "no image in this folder",
        (str(model), str(tmp_path / "nowhere.png")): "not an image",
        (str(tmp_path / "cut.onnx"), str(photos)): "not a model onnxruntime can load",
        (str(tmp_path / "nowhere.onnx"), str(photos)): "not a model onnxruntime can load",
        (str(tmp_path / "floats.onnx"), str(photos)): "takes tensor(float) (n, 3, 8, 8); needed is uint8",
    }
    for arguments, says in wrong.items():
        assert edge.main(list(arguments)) == 2
        error = capsys.readouterr().err
        assert says in error
        assert error.count("\n") == 1
    with pytest.raises(edge.EdgeError, match=r"got uint8 \(1, 5, 5, 3\); uint8 \(batch, 20, 24, 3\) is needed"):
        edge.Classifier(model)(np.zeros((1, 5, 5, 3), np.uint8))


def test_the_benchmark_measures_one_and_all_threads(model: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert edge.main([str(model), "--benchmark", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert 0 < found["p50_ms_1_threads"] <= found["p95_ms_1_threads"]
    assert found["images_per_second_1_threads"] > 0


def _takes(shape: list[str | int], path: Path, classes: str = "[]") -> Path:
    """A model of another make: uint8 images of a shape -> their mean over places and channels, and 1 less it."""
    nodes = [
        onnx.helper.make_node("Cast", ["x"], ["f"], to=onnx.TensorProto.FLOAT),
        onnx.helper.make_node("ReduceMean", ["f"], ["m"], axes=[1, 2, 3], keepdims=0),
        onnx.helper.make_node("Unsqueeze", ["m", "one"], ["p"]),
        onnx.helper.make_node("Concat", ["p", "p"], ["y"], axis=1),
    ]
    graph = onnx.helper.make_graph(
        nodes, "g", [onnx.helper.make_tensor_value_info("x", onnx.TensorProto.UINT8, shape)],
        [onnx.helper.make_tensor_value_info("y", onnx.TensorProto.FLOAT, None)],
        [onnx.numpy_helper.from_array(np.array([1]), "one")],
    )  # fmt: skip
    model = onnx.helper.make_model(graph, ir_version=8, opset_imports=[onnx.helper.make_opsetid("", 17)])
    model.metadata_props.add(key="classes", value=classes)
    onnx.save(model, path)
    return path


@pytest.mark.parametrize("shape", [["n", "h", 8, 3], ["n", 3, 8, 8], [4, 8, 8, 3], ["n", 8, 8, 4]])
def test_sizes_that_images_cannot_be_given_are_one_line(shape: list[str | int], tmp_path: Path) -> None:
    with pytest.raises(edge.EdgeError, match=r"needed is uint8 \(batch, height, width, channels\): any batch or 1"):
        edge.Classifier(_takes(shape, tmp_path / "model.onnx"))


@pytest.mark.parametrize(
    ("inputs", "output", "says"),
    [(["x", "more"], "y", "takes 2 inputs"), (["x"], "m", r"its first output is float32 \(1,\)"),
     (["x"], "square", r"its first output is float32 \(1, 2, 1, 1\)")],
)  # fmt: skip
def test_other_inputs_and_outputs_are_one_line(inputs: list[str], output: str, says: str, tmp_path: Path) -> None:
    model = onnx.load(_takes(["n", 8, 8, 3], tmp_path / "model.onnx"))
    square = onnx.helper.make_node("Reshape", ["y", "shape"], ["square"])
    model.graph.node.append(square)
    model.graph.initializer.append(onnx.numpy_helper.from_array(np.array([-1, 2, 1, 1]), "shape"))
    if "more" in inputs:
        model.graph.input.append(onnx.helper.make_tensor_value_info("more", onnx.TensorProto.FLOAT, [1]))
    model.graph.output[0].name = output
    onnx.save(model, tmp_path / "model.onnx")
    with pytest.raises(edge.EdgeError, match=says):
        edge.Classifier(tmp_path / "model.onnx")


@pytest.mark.parametrize("classes", ["[]", "not json", '{"a": 1}', '["one alone"]'])
def test_a_file_of_another_make_takes_images_one_by_one_and_numbers_its_classes(
    classes: str, tmp_path: Path, photos: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = _takes([1, 8, 8, 3], tmp_path / "model.onnx", classes)
    classifier = edge.Classifier(path)
    assert classifier.classes == ["0", "1"]
    assert classifier(np.zeros((5, 8, 8, 3), np.uint8)).shape == (5, 2)
    assert edge.main([str(path), str(photos), "--benchmark"]) == 0
    assert "images_per_second_1_threads" in capsys.readouterr().out


def test_every_file_that_is_passed_over_is_named_and_any_name_is_gone_past(
    model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "photos"
    (folder / "below").mkdir(parents=True)
    image = Image.fromarray(np.zeros((20, 24, 3), np.uint8))
    names = ["plain.png", "escape \x1b[31m.png", "two\nlines.png", os.fsdecode(b"not \xff utf-8.png"), "below/deep.png"]
    for name in names:
        image.save(folder / name)
    (folder / "photo.heic").write_bytes(b"any")
    (folder / "notes \x1b[2J.txt").write_text("any")
    os.mkfifo(folder / "waits.png")
    (folder / "endless.png").symlink_to("/dev/zero")
    (folder / "leads nowhere.png").symlink_to("gone")
    (folder / "round").symlink_to(folder)  # a link that leads back is not gone round
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    image.save(elsewhere / "linked.png")
    (folder / "link").symlink_to(elsewhere)
    names.append("link/linked.png")
    assert edge.main([str(model), str(folder)]) == 1
    said = capsys.readouterr()
    assert len(said.out.splitlines()) == len(names)
    for line in (said.out + said.err).splitlines():
        assert line.isprintable()
    passed_over = [line for line in said.err.splitlines() if line.startswith("passed over ")]
    assert len(passed_over) == 2
    assert "photo.heic: not one of .jpg" in said.err
    refused = [line for line in said.err.splitlines() if line.startswith("error: ")]
    assert len(refused) == 3
    assert sum("no regular file" in line for line in refused) == 2
    assert edge.main([str(model), str(folder), "--json"]) == 1
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert {Path(item["image"]) for item in lines} == {folder / name for name in names}


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "utf-8"])
def test_what_an_output_cannot_write_is_escaped(encoding: str) -> None:
    line = edge.printable("é 漢 \x1b[31m \n \udcff \x9b", encoding)
    assert line.isprintable()
    line.encode(encoding)
    assert ("é" in line) == (encoding != "ascii")


def test_outputs_that_are_not_finite_are_an_error_of_that_image(tmp_path: Path, photos: Path) -> None:
    model = onnx.load(_takes(["n", 8, 8, 3], tmp_path / "model.onnx"))
    model.graph.node[-1].output[0] = "all"
    model.graph.node.append(onnx.helper.make_node("Log", ["all"], ["logs"]))
    model.graph.node.append(onnx.helper.make_node("Identity", ["logs"], ["y"]))
    onnx.save(model, tmp_path / "model.onnx")
    Image.fromarray(np.zeros((8, 8, 3), np.uint8)).save(tmp_path / "black.png")
    with pytest.raises(edge.EdgeError, match="no finite probabilities"):
        edge.Classifier(tmp_path / "model.onnx").classify(tmp_path / "black.png")


def test_where_a_model_runs_can_be_said(
    model: Path, photos: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    photo = str(photos / "rgb.jpg")
    assert edge.main([str(model), photo, "--provider", "CPUExecutionProvider", "--threads", "2"]) == 0
    assert capsys.readouterr().out
    assert edge.main([str(model), photo, "--provider", "Nowhere"]) == 2
    error = capsys.readouterr().err
    assert "provider 'Nowhere' is not in this onnxruntime; there are " in error
    assert "CPUExecutionProvider" in error
    with pytest.raises(SystemExit):
        edge.main([str(model), photo, "--threads", "0"])
    assert "got '0'; a whole number from 1 to 1024 is needed" in capsys.readouterr().err
    monkeypatch.setattr(edge, "RUNS", 3)
    assert edge.main([str(model), "--benchmark", "--json", "--threads", "1"]) == 0
    assert {name.split("_threads")[0][-1] for name in json.loads(capsys.readouterr().out)} == {"1"}


def test_a_reader_that_goes_away_is_no_traceback(model: Path, photos: Path) -> None:
    command = (
        f"{shlex.quote(sys.executable)} -m export.edge {shlex.quote(str(model))} {shlex.quote(str(photos))} | true"
    )
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=False)
    assert done.stderr == ""


def test_without_pillow_one_line_says_what_to_install(
    model: Path, photos: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "PIL", None)
    assert edge.main([str(model), str(photos / "rgb.jpg")]) == 2
    assert "pip install pillow" in capsys.readouterr().err


@pytest.mark.timeout(300)
def test_in_an_environment_that_has_nothing_else(model: Path, photos: Path, tmp_path: Path, clean_python: str) -> None:
    shutil.copy(edge.__file__, tmp_path / "edge.py")
    command = [clean_python, "edge.py", str(model), str(photos), "--json"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert len(done.stdout.splitlines()) == 4
