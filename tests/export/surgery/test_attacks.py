"""Graphs that a stranger made to break the surgery: folded right, or refused with the true reason."""

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import numpy_helper, parser

from export.errors import SurgeryError
from export.surgery import changes
from export.surgery.files import rewrite
from export.surgery.proof import prove
from tests.export.surgery.graphs import CONSTANTS, HEADER, NORM, make_model


def _typed(kind: str, body: str, ends: str) -> onnx.ModelProto:
    """Returns a graph whose constants w and c are of a kind, those of the norm of the kind it ends in."""
    constants = CONSTANTS.format(weight="3,2")
    model = parser.parse_model(f"{HEADER} g ({kind}[batch,3] x) => ({ends}[batch,2] y) <{constants}> {{ {body} }}")
    types = {"float16": np.float16, "float": np.float32, "double": np.float64}
    for constant in model.graph.initializer:
        of = kind if constant.name in ("w", "c") else ends
        constant.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(constant).astype(types[of]), constant.name))
    return model


@pytest.mark.parametrize(("layer", "norm", "to"), [("float16", "float", 1), ("float", "double", 11)])
def test_a_norm_of_more_bits_than_its_layer_is_not_rounded_to_them(layer: str, norm: str, to: int) -> None:
    model = _typed(layer, f"l = Gemm (x, w, c) s = Cast <to = {to}> (l) {NORM} y = Softmax (n)", norm)
    with pytest.raises(SurgeryError, match=r"the layer computes in \d\d bits and its norm in \d\d"):
        changes.fold(model)
    assert prove(model, changes.remove(model), "remove").difference < 1e-2


def test_the_default_epsilon_is_that_of_onnx_in_float32() -> None:
    norm = "n = BatchNormalization (s, gamma, beta, mean, var)"
    model = _typed("double", f"s = Gemm (x, w, c) {norm} y = Softmax (n)", "double")
    assert prove(model, changes.fold(model), "fold").difference < 1e-14


@pytest.mark.parametrize("layer", ["s = Gemm (x, w, c)", "m = MatMul (x, w) s = Add (m, c)", "s = MatMul (x, w)"])
def test_who_reads_the_shape_of_the_scores_does_not_stop_a_fold(layer: str) -> None:
    body = f"{layer} z = Shape (s) {NORM} r = Reshape (n, z) y = Softmax (r)"
    model = make_model(body)
    folded = changes.fold(model)
    assert prove(model, folded, "fold").decisions_changed == 0
    for node in folded.graph.node:
        if node.op_type == "Shape":
            node.input[0] = "x"  # another shape is another graph
    with pytest.raises(SurgeryError):
        prove(model, folded, "fold")


def test_a_graph_that_draws_random_numbers_is_told_so() -> None:
    body = f"r = RandomNormalLike (x) h = Add (x, r) s = Gemm (h, w, c) {NORM} y = Softmax (n)"
    model = make_model(body)
    with pytest.raises(SurgeryError, match="the original itself gives other scores each time on the same inputs"):
        prove(model, changes.fold(model), "fold")


@pytest.mark.parametrize("constant", ["w", "c", "gamma", "mean"])
def test_constants_that_are_no_numbers_are_called_that(constant: str) -> None:
    model = make_model(f"s = Gemm (x, w, c) {NORM} y = Softmax (n)")
    tensor = next(tensor for tensor in model.graph.initializer if tensor.name == constant)
    value = numpy_helper.to_array(tensor).copy()
    value.flat[0] = np.nan
    tensor.CopyFrom(numpy_helper.from_array(value, constant))
    with pytest.raises(SurgeryError, match="hold or give NaN or infinity"):
        changes.fold(model)


def test_what_stands_before_a_norm_in_parts_is_named() -> None:
    model = make_model("l = Gemm (x, w, c) r = Relu (l) m = Mul (r, gamma) n = Add (m, beta) y = Softmax (n)")
    with pytest.raises(SurgeryError, match="before what scales them stands Relu; Gemm, MatMul or Conv is needed"):
        changes.fold(model)


def test_a_constant_on_the_left_is_named() -> None:
    constants = CONSTANTS.format(weight="2,3")
    body = f"m = MatMul (w, x) s = Transpose <perm = [1, 0]> (m) {NORM} y = Softmax (n)"
    model = parser.parse_model(f"{HEADER} g (float[3,batch] x) => (float[batch,2] y) <{constants}> {{ {body} }}")
    with pytest.raises(SurgeryError, match="has its constant on the left; weights on the right are needed"):
        changes.fold(model)


def test_a_type_that_layers_here_do_not_compute_in_is_named() -> None:
    model = make_model(f"l = MatMul (x, w) s = Cast <to = 1> (l) {NORM} y = Softmax (n)")
    weight = next(constant for constant in model.graph.initializer if constant.name == "w")
    weight.CopyFrom(onnx.helper.make_tensor("w", onnx.TensorProto.BFLOAT16, [3, 2], np.ones(6)))
    model.graph.input[0].type.tensor_type.elem_type = onnx.TensorProto.BFLOAT16
    with pytest.raises(SurgeryError, match="computes in bfloat16; float16, 32 or 64 is needed"):
        changes.fold(model)


def test_optional_inputs_that_became_constants_are_said(tmp_path: Path) -> None:
    model = make_model(f"s = Gemm (x, w, c) {NORM} y = Softmax (n)")
    model.graph.input.append(onnx.helper.make_tensor_value_info("gamma", onnx.TensorProto.FLOAT, [2]))
    onnx.save(model, tmp_path / "model.onnx")
    said = rewrite(changes.fold, tmp_path / "model.onnx", tmp_path / "out.onnx", "fold")
    assert "inputs that were optional are constants now: gamma;" in said


@pytest.mark.timeout(60)
def test_a_size_of_zero_is_named(tmp_path: Path) -> None:
    model = make_model(f"s = Gemm (x, w, c) {NORM} y = Softmax (n)")
    model.graph.input[0].type.tensor_type.shape.dim[0].dim_value = 0
    model.graph.output[0].type.tensor_type.shape.dim[0].dim_value = 0
    onnx.save(model, tmp_path / "model.onnx")
    with pytest.raises(SurgeryError, match="graph input 'x' declares a size of 0"):
        rewrite(changes.fold, tmp_path / "model.onnx", tmp_path / "out.onnx", "fold")
    assert not (tmp_path / "out.onnx").exists()
