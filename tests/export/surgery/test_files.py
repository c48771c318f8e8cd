"""Files in and out: what other exporters write, and everything that is not such a file; the command has other tests."""

import os
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import onnxruntime as ort
import pytest
import torch
from onnx import helper, numpy_helper
from torch import nn

from export.errors import SurgeryError
from export.surgery import changes
from export.surgery.files import rewrite
from export.surgery.proof import Claim


def _network() -> nn.Module:
    torch.manual_seed(0)
    network = nn.Sequential(nn.Flatten(), nn.Linear(12, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Linear(8, 3),
                            nn.BatchNorm1d(3), nn.Softmax(dim=1))  # fmt: skip
    network.train()
    for _ in range(5):
        network(torch.randn(32, 3, 2, 2) * 3 + 1)
    return network.eval()


def _by_torchscript(path: Path) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(_network(), (torch.randn(2, 3, 2, 2),), str(path), dynamo=False, do_constant_folding=False,
                          dynamic_axes={"x": {0: "n"}}, input_names=["x"],
                          training=torch.onnx.TrainingMode.PRESERVE)  # fmt: skip


def _by_dynamo(path: Path) -> None:
    program = torch.onnx.export(_network(), (torch.randn(2, 3, 2, 2),), dynamo=True, optimize=False, verbose=False)
    assert program is not None
    onnx.save(program.model_proto, path)


def _by_keras(path: Path) -> None:
    """What tf2onnx makes of Dense, BatchNormalization, Softmax: MatMul, Add, BatchNormalization, Softmax; opset 15."""
    rng = np.random.default_rng(0)
    constants = {"kernel": rng.normal(size=(12, 3)), "bias": rng.normal(size=3), "gamma": rng.normal(size=3) + 1,
                 "beta": rng.normal(size=3), "mean": rng.normal(size=3), "variance": rng.random(3) + 0.1}  # fmt: skip
    nodes = [
        helper.make_node("MatMul", ["x", "kernel"], ["dense/MatMul"], name="dense/MatMul"),
        helper.make_node("Add", ["dense/MatMul", "bias"], ["dense/BiasAdd"], name="dense/BiasAdd"),
        helper.make_node(
            "BatchNormalization", ["dense/BiasAdd", "gamma", "beta", "mean", "variance"], ["bn"], name="bn"
        ),
        helper.make_node("Softmax", ["bn"], ["y"], name="softmax", axis=-1),
    ]
    tensors = [numpy_helper.from_array(value.astype(np.float32), name) for name, value in constants.items()]
    x, y = (helper.make_tensor_value_info(n, onnx.TensorProto.FLOAT, ["unk", w]) for n, w in (("x", 12), ("y", 3)))
    graph = helper.make_graph(nodes, "keras", [x], [y], tensors)
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 15)], ir_version=8), path)


def _outputs(path: Path) -> np.ndarray:
    session = ort.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    (value,) = session.get_inputs()
    shape = [size if isinstance(size, int) else 2 for size in value.shape]
    x = np.random.default_rng(1).normal(size=shape).astype(np.float32)
    return np.asarray(session.run(None, {value.name: x})[0])


@pytest.mark.parametrize("write", [_by_torchscript, _by_dynamo, _by_keras])
def test_files_of_other_exporters(write: Callable[[Path], None], tmp_path: Path) -> None:
    source, folded, removed = (tmp_path / f"{name}.onnx" for name in ("source", "folded", "removed"))
    write(source)
    before = source.read_bytes()
    line = rewrite(changes.fold, source, folded, "fold")
    assert "random inputs" in line
    assert "0 of 96 decisions changed; 3 of 3 classes won somewhere" in line
    assert "measure the file before use" in rewrite(changes.remove, source, removed, "remove")
    np.testing.assert_allclose(_outputs(folded), _outputs(source), atol=1e-5)
    assert np.abs(_outputs(removed) - _outputs(source)).max() > 0.01
    assert source.read_bytes() == before
    kept = {c.name: c.SerializeToString() for c in onnx.load(source).graph.initializer}
    for path in (folded, removed):
        changed = {c.name: c.SerializeToString() for c in onnx.load(path).graph.initializer}
        assert all(kept[name] == changed[name] for name in kept.keys() & changed.keys())
    with pytest.raises(SurgeryError, match="a BatchNormalization before the output is needed"):
        rewrite(changes.fold, folded, tmp_path / "again.onnx", "fold")


def test_removing_says_what_it_changes_and_the_metadata_stay_true(tmp_path: Path) -> None:
    _by_keras(tmp_path / "source.onnx")
    model = onnx.load(tmp_path / "source.onnx")
    for key, value in (("variant", "keep"), ("test_f1", "{}"), ("owner", "somebody")):
        model.metadata_props.add(key=key, value=value)
    onnx.save(model, tmp_path / "source.onnx")
    line = rewrite(changes.remove, tmp_path / "source.onnx", tmp_path / "out.onnx", "remove")
    assert "outputs change by up to 0." in line or "outputs change by up to 1" in line
    told = {entry.key: entry.value for entry in onnx.load(tmp_path / "out.onnx").metadata_props}
    assert told == {"variant": "remove", "owner": "somebody"}
    rewrite(changes.fold, tmp_path / "source.onnx", tmp_path / "out.onnx", "fold")
    told = {entry.key: entry.value for entry in onnx.load(tmp_path / "out.onnx").metadata_props}
    assert told == {"variant": "fold", "test_f1": "{}", "owner": "somebody"}  # the same decisions, so the same F1


def _external(path: Path) -> None:
    _by_keras(path)
    model = onnx.load(path)
    tensor = model.graph.initializer[0]
    tensor.ClearField("raw_data")
    tensor.data_location = onnx.TensorProto.EXTERNAL
    for key, value in (("location", "../outside.bin"), ("offset", "0"), ("length", "144")):
        tensor.external_data.add(key=key, value=value)
    (path.parent.parent / "outside.bin").write_bytes(bytes(144))
    path.write_bytes(model.SerializeToString())


def _truncated(path: Path) -> None:
    _by_keras(path)
    path.write_bytes(path.read_bytes()[:-30])


def _fifo(path: Path) -> None:
    os.mkfifo(path)


@pytest.mark.parametrize(
    ("write", "says"),
    [
        (lambda path: path.write_text("this is a text, not a model"), "not a whole ONNX model"),
        (lambda path: path.write_bytes(b""), "not a"),
        (lambda path: None, "No such file"),
        (lambda path: path.mkdir(), "Is a directory"),
        (_fifo, "not a plain file"),
        (_truncated, "not a whole ONNX model"),
        (_external, "not a whole ONNX model"),
    ],
    ids=["text", "empty", "missing", "folder", "FIFO", "truncated", "external data outside"],
)
def test_what_is_not_such_a_file_is_one_line_and_writes_nothing(
    write: Callable[[Path], None], says: str, tmp_path: Path
) -> None:
    place = tmp_path / "in"
    place.mkdir()
    write(place / "source.onnx")
    with pytest.raises(SurgeryError, match=says) as raised:
        rewrite(changes.fold, place / "source.onnx", tmp_path / "out" / "target.onnx", "fold")
    assert "\n" not in str(raised.value)
    assert not (tmp_path / "out").exists()


def _linked(path: Path) -> None:
    (path.parent / "other").write_text("of somebody")
    path.symlink_to(path.parent / "other")


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda path: path.mkdir(), "is a folder"),
        (_fifo, "is a FIFO"),
        (_linked, "is a link"),
        (lambda path: path.symlink_to("nowhere"), "is a link"),
        (lambda path: path.symlink_to("/dev/null"), "is a link"),
    ],
    ids=["folder", "FIFO", "link", "broken link", "link to a device"],
)
def test_a_target_that_is_no_plain_file_is_left_alone(make: Callable[[Path], None], says: str, tmp_path: Path) -> None:
    _by_keras(tmp_path / "source.onnx")
    target = tmp_path / "target.onnx"
    make(target)
    before = target.lstat()
    with pytest.raises(SurgeryError, match=f"{says}; a file is to be written"):
        rewrite(changes.fold, tmp_path / "source.onnx", target, "fold")
    assert target.lstat() == before
    assert not list(tmp_path.glob(".*"))


def test_a_device_is_left_alone(tmp_path: Path) -> None:
    _by_keras(tmp_path / "source.onnx")
    with pytest.raises(SurgeryError, match="/dev/null is a device; a file is to be written"):
        rewrite(changes.fold, tmp_path / "source.onnx", Path("/dev/null"), "fold")
    with pytest.raises(SurgeryError, match="is a folder"):
        rewrite(changes.fold, tmp_path / "source.onnx", Path("."), "fold")


def test_a_target_that_cannot_be_written_is_one_line(tmp_path: Path) -> None:
    _by_keras(tmp_path / "source.onnx")
    (tmp_path / "file").write_text("")
    with pytest.raises(SurgeryError, match="cannot be written"):
        rewrite(changes.remove, tmp_path / "source.onnx", tmp_path / "file" / "target.onnx", "remove")


@pytest.mark.parametrize(("claim", "bias"), [("fold", ".folded_bias"), ("remove", "bias")])
@pytest.mark.parametrize(("factor", "accepted"), [(1.0, True), (1.001, False)])
def test_the_proof_refuses_a_change_that_is_off_by_a_thousandth(
    claim: Claim, bias: str, factor: float, accepted: bool, tmp_path: Path
) -> None:
    _by_keras(tmp_path / "source.onnx")

    def wrong(model: onnx.ModelProto) -> onnx.ModelProto:
        changed = {"fold": changes.fold, "remove": changes.remove}[claim](model)
        (constant,) = [c for c in changed.graph.initializer if c.name.endswith(bias)]
        value = numpy_helper.to_array(constant) * np.float32(factor)
        constant.CopyFrom(numpy_helper.from_array(value, constant.name))
        return changed

    if accepted:
        assert "of what rounding allows" in rewrite(wrong, tmp_path / "source.onnx", tmp_path / "out.onnx", claim)
    else:
        with pytest.raises(SurgeryError, match=r"times what rounding allows|a constant under its old name changed"):
            rewrite(wrong, tmp_path / "source.onnx", tmp_path / "out.onnx", claim)
        assert not (tmp_path / "out.onnx").exists()


def _convolutional(path: Path, opset: int, kind: int = onnx.TensorProto.FLOAT) -> None:
    """Images of any size and number of channels in, one convolution, mean over places, dense, norm, softmax."""
    rng = np.random.default_rng(0)
    dtype = helper.tensor_dtype_to_np_dtype(kind)
    constants = {"k": rng.normal(size=(4, 3, 3, 3)), "w": rng.normal(size=(4, 2)), "c": rng.normal(size=2),
                 **{name: rng.random(2) + 0.5 for name in ("gamma", "beta", "mean", "variance")}}  # fmt: skip
    nodes = [
        helper.make_node("Conv", ["x", "k"], ["conv"], strides=[2, 2]),
        helper.make_node("GlobalAveragePool", ["conv"], ["pool"]),
        helper.make_node("Flatten", ["pool"], ["flat"]),
        helper.make_node("Gemm", ["flat", "w", "c"], ["s"]),
        helper.make_node("BatchNormalization", ["s", "gamma", "beta", "mean", "variance"], ["n"]),
        helper.make_node("Softmax", ["n"], ["y"]),
    ]
    tensors = [numpy_helper.from_array(value.astype(dtype), name) for name, value in constants.items()]
    x = helper.make_tensor_value_info("x", kind, ["batch", "channels", "height", "width"])
    graph = helper.make_graph(nodes, "g", [x], [helper.make_tensor_value_info("y", kind, ["batch", 2])], tensors)
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=8), path)


@pytest.mark.parametrize(
    ("opset", "kind"), [(11, onnx.TensorProto.FLOAT), (17, onnx.TensorProto.FLOAT), (17, onnx.TensorProto.FLOAT16)]
)
def test_images_of_any_size_an_old_softmax_and_half_precision(opset: int, kind: int, tmp_path: Path) -> None:
    _convolutional(tmp_path / "source.onnx", opset, kind)
    assert "16x3x16x16" in rewrite(changes.fold, tmp_path / "source.onnx", tmp_path / "out.onnx", "fold")
    assert "16x3x16x16" in rewrite(changes.remove, tmp_path / "source.onnx", tmp_path / "out.onnx", "remove")


def test_a_half_precision_file_as_onnxruntimes_converter_writes_it(tmp_path: Path) -> None:
    """Its Cast of the input stands last in the file: not in order."""
    from onnxruntime.transformers.float16 import convert_float_to_float16

    _by_keras(tmp_path / "source.onnx")
    model = convert_float_to_float16(onnx.load(tmp_path / "source.onnx"), keep_io_types=True)
    casts = [node for node in model.graph.node if node.op_type == "Cast"]
    for node in casts:
        model.graph.node.remove(node)
    model.graph.node.extend(casts)
    (tmp_path / "half.onnx").write_bytes(model.SerializeToString())
    assert "folded into MatMul" in rewrite(changes.fold, tmp_path / "half.onnx", tmp_path / "out.onnx", "fold")
    np.testing.assert_allclose(_outputs(tmp_path / "out.onnx"), _outputs(tmp_path / "source.onnx"), atol=0.02)


def test_an_input_that_is_no_tensor_is_one_line(tmp_path: Path) -> None:
    _by_keras(tmp_path / "source.onnx")
    model = onnx.load(tmp_path / "source.onnx")
    kind = helper.make_sequence_type_proto(helper.make_tensor_type_proto(onnx.TensorProto.FLOAT, [2]))
    model.graph.input.append(helper.make_value_info("more", kind))
    onnx.save(model, tmp_path / "source.onnx")
    with pytest.raises(SurgeryError, match="graph input 'more' is no tensor"):
        rewrite(changes.fold, tmp_path / "source.onnx", tmp_path / "out.onnx", "fold")
