"""Graphs that any runtime takes: plain operators, low versions, no stale shapes, a fixed batch, resizing inside."""

import json
import logging
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from onnxruntime.quantization import quantize_dynamic
from onnxruntime.quantization.shape_inference import quant_pre_process
from PIL import Image

from export import edge
from export.conversion import Deployed, GraphForm, difference_to_pillow, resize, to_onnx, with_resize
from export.verification import infer, open_session
from study.commandline.export_request import export_parser
from trainables.common import ConfigurationError
from trainables.configuration import Network
from trainables.networks import build_network

NETWORKS = {
    "dense": (Network(first_norm="batch", final_norm="batch"), (1, 8, 8)),
    "cnn": (Network(name="cnn", final_norm="batch"), (3, 20, 24)),
    "resnet18": (Network(name="resnet18", cut="layer2", final_norm="batch"), (3, 64, 64)),
    "vgg11": (Network(name="vgg11", final_norm="batch"), (3, 64, 64)),
}
SHAPE_ARITHMETIC = {"Shape", "Reshape", "Concat", "Range", "Gather", "Squeeze", "Unsqueeze", "ConstantOfShape"}


def _network(name: str) -> tuple[Deployed, tuple[int, int, int]]:
    torch.manual_seed(0)
    settings, shape = NETWORKS[name]
    return Deployed(build_network(settings, shape, 2), "softmax").eval(), shape


def _images(shape: tuple[int, int, int], number: int = 5) -> np.ndarray:
    channels, height, width = shape
    return np.random.default_rng(0).integers(0, 256, (number, height, width, channels), dtype=np.uint8)


@pytest.fixture(params=NETWORKS)
def exported(request: pytest.FixtureRequest) -> tuple[onnx.ModelProto, Deployed, tuple[int, int, int]]:
    network, shape = _network(request.param)
    return to_onnx(network, shape, {}), network, shape


def test_a_graph_is_plain_and_old_enough_for_other_runtimes(
    exported: tuple[onnx.ModelProto, Deployed, tuple[int, int, int]], tmp_path: Path
) -> None:
    model, _, _ = exported
    operators = {node.op_type for node in model.graph.node}
    assert not operators & SHAPE_ARITHMETIC
    assert not model.graph.value_info
    assert model.ir_version == 8
    assert {opset.domain: opset.version for opset in model.opset_import} == {"": 18}
    path = str(tmp_path / "model.onnx")
    onnx.save(model, path)
    logging.getLogger().disabled = True
    try:
        quant_pre_process(path, str(tmp_path / "prepared.onnx"))
        quantize_dynamic(path, str(tmp_path / "dynamic.onnx"))
    finally:
        logging.getLogger().disabled = False
    assert (tmp_path / "prepared.onnx").exists()
    assert (tmp_path / "dynamic.onnx").stat().st_size < (tmp_path / "model.onnx").stat().st_size


@pytest.mark.parametrize("opset", [13, 15, 17])
@pytest.mark.parametrize("name", ["dense", "cnn", "resnet18"])
def test_an_older_opset_computes_the_same(name: str, opset: int) -> None:
    network, shape = _network(name)
    model = to_onnx(network, shape, {}, GraphForm(opset=opset))
    assert [entry.version for entry in model.opset_import] == [opset]
    assert model.ir_version <= 8
    images = _images(shape)
    expected = network(torch.from_numpy(images)).detach().numpy()
    np.testing.assert_allclose(infer(open_session(model.SerializeToString()), images), expected, atol=1e-5)


@pytest.mark.parametrize("name", ["dense", "cnn", "resnet18"])
def test_a_fixed_batch_has_fixed_shapes_and_computes_the_same(name: str) -> None:
    network, shape = _network(name)
    model = to_onnx(network, shape, {}, GraphForm(batch=1))
    channels, height, width = shape
    sizes = [dim.dim_value for dim in model.graph.input[0].type.tensor_type.shape.dim]
    assert sizes == [1, height, width, channels]
    images = _images(shape)
    expected = network(torch.from_numpy(images)).detach().numpy()
    np.testing.assert_allclose(infer(open_session(model.SerializeToString()), images), expected, atol=1e-5)


def test_onnxruntimes_checker_finds_a_fixed_batch_usable_on_mobile_accelerators(tmp_path: Path) -> None:
    from onnxruntime.tools.mobile_helpers import usability_checker

    network, shape = _network("resnet18")
    path = tmp_path / "model.onnx"
    onnx.save(to_onnx(network, shape, {}, GraphForm(batch=1)), path)
    assert usability_checker.analyze_model(path, skip_optimize=False, logger=logging.getLogger("mobile"))


def test_resizing_inside_is_pillows(tmp_path: Path) -> None:
    largest, share = difference_to_pillow(20, 24, 3)
    assert largest <= 1
    assert share < 0.01
    network, shape = _network("cnn")
    before, inside = tmp_path / "before.onnx", tmp_path / "inside.onnx"
    onnx.save(to_onnx(network, shape, {"classes": json.dumps(["a", "b"])}), before)
    onnx.save(with_resize(to_onnx(network, shape, {"classes": json.dumps(["a", "b"])})), inside)
    any_size, fixed = edge.Classifier(inside), edge.Classifier(before)
    assert (any_size.height, any_size.width) == (None, None)
    for i, size in enumerate(((24, 20), (100, 61), (10, 90), (301, 400))):
        noise = np.random.default_rng(i).integers(0, 256, (size[1], size[0], 3), dtype=np.uint8)
        photo = tmp_path / f"{i}.png"
        Image.fromarray(noise).save(photo)
        assert any_size.read(photo).shape == (size[1], size[0], 3)
        np.testing.assert_allclose(any_size.classify(photo), fixed.classify(photo), atol=1e-3)


def test_another_resize_than_pillows_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resize, "FILTER", Image.Resampling.NEAREST)
    largest, share = difference_to_pillow(20, 24, 3)
    assert largest > 20
    assert share > 0.1


@pytest.mark.parametrize(
    ("wishes", "says"),
    [
        ({"opset": 12}, "--opset 12: 13 to 18 are allowed"),
        ({"opset": 19}, "--opset 19: 13 to 18 are allowed"),
        ({"batch": 2}, "--batch 2: 1 is allowed"),
        ({"batch": 0}, "--batch 0: 1 is allowed"),
        ({"opset": 17, "resize_inside": True}, "--resize-inside takes opset 18"),
    ],
)
def test_forms_that_cannot_be_written_are_refused(wishes: dict[str, int], says: str) -> None:
    with pytest.raises(ConfigurationError, match=says):
        GraphForm(**wishes)  # type: ignore[arg-type]


def test_the_command_asks_for_the_newest_opset_unless_told() -> None:
    assert export_parser().parse_args(["digits"]).opset == GraphForm().opset
