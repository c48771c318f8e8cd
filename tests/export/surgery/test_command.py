"""The commands in their process with limits: hostile files end in one line, exit 2, bounded time, nothing written."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import helper, numpy_helper

from export import fold, remove
from export.errors import SurgeryError
from tests.export.surgery.graphs import NORM, make_model

BODY = f"f = Identity (x) s = Gemm (f, w, c) {NORM} y = Softmax (n)"


def _endless_loop() -> onnx.ModelProto:
    values = [helper.make_tensor_value_info(name, kind, shape) for name, kind, shape in (
        ("i", onnx.TensorProto.INT64, []), ("go", onnx.TensorProto.BOOL, []), ("a", onnx.TensorProto.FLOAT, None),
        ("on", onnx.TensorProto.BOOL, []), ("b", onnx.TensorProto.FLOAT, None))]  # fmt: skip
    nodes = [helper.make_node("Identity", ["go"], ["on"]), helper.make_node("Identity", ["a"], ["b"])]
    body = helper.make_graph(nodes, "body", values[:3], values[3:])
    model = make_model(BODY)
    model.graph.node[0].CopyFrom(helper.make_node("Loop", ["", "yes", "x"], ["f"], body=body))
    model.graph.initializer.append(numpy_helper.from_array(np.array(True), "yes"))
    return model


def _huge_constant() -> onnx.ModelProto:
    body = f"b = ConstantOfShape (shape) z = ReduceSum <keepdims = 0> (b) f = Add (x, z) {BODY.split(' (x) ', 1)[1]}"
    return make_model(body, extra=", int64[1] shape = {1000000000000}")


def _huge_input() -> onnx.ModelProto:
    model = make_model(BODY)
    model.graph.input[0].type.tensor_type.shape.dim[0].dim_value = 10**12
    return model


def _control_characters() -> onnx.ModelProto:
    model = make_model(f"t = Identity (x) s = Gemm (x, w, c) u = Tanh (s) {NORM} y = Softmax (n)")
    for node in model.graph.node:
        node.input[:] = ["a\n\x1b[31mb" if name == "s" else name for name in node.input]
        node.output[:] = ["a\n\x1b[31mb" if name == "s" else name for name in node.output]
    return model


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (_endless_loop, "stopped after 8 s, nothing is written; --seconds allows more"),
        (_huge_constant, "onnxruntime cannot run the graph"),
        (_huge_input, "'x' declares 3000000000000 values"),
        (_control_characters, "'a\\n\\x1b[31mb', between the layer and the final norm, is used elsewhere too"),
    ],
    ids=["endless loop", "huge constant", "huge input", "control characters"],
)
def test_a_hostile_file_is_one_line(make: Callable[[], onnx.ModelProto], says: str, tmp_path: Path) -> None:
    (tmp_path / "source.onnx").write_bytes(make().SerializeToString())
    with pytest.raises(SurgeryError, match=r"source\.onnx: ") as raised:
        fold.main([str(tmp_path / "source.onnx"), str(tmp_path / "out" / "target.onnx"), "--seconds", "8"])
    assert says in str(raised.value)
    assert str(raised.value).isprintable()
    assert not (tmp_path / "out").exists()


def test_both_commands_write_and_say_what_was_compared(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source, target = tmp_path / "source.onnx", tmp_path / "out" / "target.onnx"
    source.write_bytes(make_model(BODY).SerializeToString())
    np.savez(tmp_path / "own.npz", x=np.random.default_rng(0).normal(size=(10, 3)).astype(np.float32))
    assert fold.main([str(source), str(target), "--inputs", str(tmp_path / "own.npz")]) == 0
    said = capsys.readouterr().out
    assert "BatchNormalization folded into Gemm, 1 node fewer; on 10 inputs of yours (10x3; 1 batch)" in said
    assert remove.main([str(source), str(target)]) == 0
    assert "decisions change: measure the file before use" in capsys.readouterr().out
    assert [path.name for path in target.parent.iterdir()] == ["target.onnx"]


@pytest.mark.parametrize("seconds", ["0", "-1", "nan", "much"])
def test_a_time_that_is_none_is_refused(seconds: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        fold.main(["a.onnx", "b.onnx", "--seconds", seconds])
    assert "a number of seconds above 0 is allowed" in capsys.readouterr().err
