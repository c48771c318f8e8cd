"""Graphs that must not be folded: what stands there is no final norm, or taking it off would change more."""

import numpy as np
import onnx
import pytest
from onnx import parser

from export.errors import SurgeryError
from export.surgery import changes, final_norm
from export.verification.sessions import open_session
from tests.export.surgery.graphs import (
    CONSTANTS,
    CONV,
    ENDS,
    HEADER,
    MUL_ADD,
    NORM,
    make_model,
    run_model,
    with_output,
)


def test_a_graph_of_an_old_opset_is_refused() -> None:
    model = make_model(f"s = Gemm (x, w, c) {NORM} y = Softmax (n)")
    model.opset_import[0].version = 8
    with pytest.raises(SurgeryError, match="got opset 8; 9 or newer is needed"):
        final_norm.find(model)


def test_a_norm_that_also_gives_batch_statistics_is_in_training_mode() -> None:
    model = make_model(f"s = Gemm (x, w, c) {NORM} y = Softmax (n)")
    next(n for n in model.graph.node if n.op_type == "BatchNormalization").output.extend(
        ["running_mean", "running_var"]
    )
    with pytest.raises(SurgeryError, match="in training mode"):
        final_norm.find(model)


@pytest.mark.parametrize(
    "norm", ["p = Mul (s, one) n = Add (p, b)", "p = Mul (s, one) n = Add (p, one)", "p = Mul (s, s) n = Add (p, b)"]
)
def test_another_mul_and_add_is_no_norm(norm: str) -> None:
    model = make_model(f"s = Gemm (x, w, c) {norm} {ENDS['softmax']}", extra=MUL_ADD)
    for change in (changes.fold, changes.remove):
        with pytest.raises(SurgeryError, match=r"the scores come from Add|has 1 channels"):
            change(model)


def test_a_mul_and_add_along_an_image_is_no_norm() -> None:
    body = "s = Conv (x, k, c) p = Mul (s, gamma) y = Add (p, beta)"
    model = parser.parse_model(f"{HEADER} g (float[b,3,2,2] x) => (float[b,2,2,2] y) <{CONV}> {{ {body} }}")
    with pytest.raises(SurgeryError, match=r"stands for axis 3 of \(\?, 2, 2, 2\), the layer before it for axis 1"):
        changes.remove(model)


def test_a_norm_over_another_axis_is_refused() -> None:
    more = ", float[4] four = {1.0, 2.0, 3.0, 4.0}"
    text = f"{HEADER} g (float[b,4,3] x) => (float[b,4,2] y) <{CONSTANTS.format(weight='3,2')}{more}>"
    body = "m = MatMul (x, w) s = Add (m, c) n = BatchNormalization (s, four, four, four, four) y = Softmax (n)"
    with pytest.raises(SurgeryError, match="has 4 channels, the layer before it 2 outputs"):
        changes.fold(parser.parse_model(f"{text} {{ {body} }}"))


def test_a_weight_that_another_layer_uses_too_is_left_to_it() -> None:
    body = f"z = MatMul (x, w)\n s = Gemm (x, w, c) {NORM} p = Softmax (n) q = Mul (z, zero) y = Add (p, q)"
    model = make_model(body, extra=", float[1] zero = {0.0}")
    with pytest.raises(SurgeryError, match="the scores come from Add"):
        changes.fold(model)


@pytest.mark.parametrize(
    ("model", "reason"),
    [
        (make_model("s = Gemm (x, w, c) y = Softmax (s)"), "the scores come from Gemm"),
        (
            make_model(
                "s = Gemm (x, w, c)"
                "n, m2, v2 = BatchNormalization <training_mode = 1> (s, gamma, beta, mean, var)"
                "y = Softmax (n)"
            ),
            "training mode",
        ),
        (make_model(f"r = Gemm (x, w, c) s = Relu (r) {NORM} y = Softmax (n)"), "stands Relu; Gemm, MatMul"),
        (
            make_model(f"s = Gemm (x, w, c) {NORM} p = Softmax (n) t = Tanh (s) y = Add (p, t)"),
            "the scores come from Add",
        ),
        (
            make_model(f"s = Gemm (x, w, c) {NORM} p = Add (n, s) y = Softmax (p)"), "the scores come from Add"
        ),
        (
            make_model(f"s = Gemm (x, w2, c) {NORM} y = Softmax (n)", inputs="float[batch,3] x, float[3,2] w2"),
            "'w2' is a graph input",
        ),
        (make_model(f"w2 = Abs (w) s = Gemm (x, w2, c) {NORM} y = Softmax (n)"), "'w2' is computed in the graph"),
        (make_model(f"h = Gemm (x, w, c) r = Relu (h) s = Add (r, c) {NORM} y = Softmax (n)"), "stands Relu"),
        (make_model(f"t = Gemm (x, w, c) s = Sigmoid (t) {NORM} y = Softmax (n)"),
         "between the layer and the final BatchNormalization stands Sigmoid"),
        (make_model(f"g = Gemm (x, w, c) s = Dropout (g, , yes) {NORM} y = Softmax (n)", extra=", bool yes = {1}"),
         "stands Dropout"),
        (make_model(f"s = Gemm (x, w, c) {NORM.replace('var)', 'negative)')} y = Softmax (n)",
                extra=", float[2] negative = {-1.0, 1.0}"), "has a variance of -1"),
        (make_model(f"s = Gemm (x, w, c) {NORM.replace('mean', 'm2')} y = Softmax (n)",
                inputs="float[batch,3] x, float[2] m2"), "'m2' is a graph input"),
    ],
    ids=["no norm", "training mode", "no dense", "used elsewhere", "residual", "graph input", "computed", "add",
         "activation between", "dropout in training", "negative variance", "given mean"],
)  # fmt: skip
def test_what_cannot_be_folded_says_why(model: onnx.ModelProto, reason: str) -> None:
    with pytest.raises(SurgeryError, match=reason):
        changes.fold(model)


def test_scores_that_are_used_elsewhere_are_refused() -> None:
    model = make_model(f"s = Gemm (x, w, c) t = Tanh (s) {NORM} y = Softmax (n)")
    with pytest.raises(SurgeryError, match="used elsewhere too"):
        changes.remove(model)


def test_a_classifier_as_sklearns_converter_writes_it_is_refused() -> None:
    """Its scores are shifted, not normed."""
    body = "s = Gemm (x, w, c) p = Softmax (s) label = ArgMax <axis = 1, keepdims = 0> (p) y = Identity (p)"
    model = make_model(body)
    model.graph.output.insert(0, onnx.helper.make_tensor_value_info("label", onnx.TensorProto.INT64, ["batch"]))
    with pytest.raises(SurgeryError, match="no BatchNormalization before the output"):
        changes.fold(model)


def test_linear_on_the_last_axis_and_a_norm_on_the_first_of_equal_size_is_refused() -> None:
    """Right at rank 2 only: version 1 folded this, and its proof saw saturated probabilities alone."""
    text = f"{HEADER} g (float[n,2,3] x) => (float[n,2,2] y) <{CONSTANTS.format(weight='3,2')}>"
    body = f"m = MatMul (x, w) s = Add (m, c) {NORM} y = Sigmoid (n)"
    for change in (changes.fold, changes.remove):
        with pytest.raises(SurgeryError, match=r"stands for axis 1 of \(\?, 2, 2\), the layer before it for axis 2"):
            change(parser.parse_model(f"{text} {{ {body} }}"))
    turned = "m = MatMul (x, w) u = Add (m, c) s = Transpose <perm = [0, 2, 1]> (u)"
    model = parser.parse_model(f"{text} {{ {turned} {NORM} y = Transpose <perm = [0, 2, 1]> (n) }}")
    x = {"x": np.random.default_rng(0).normal(size=(5, 2, 3)).astype(np.float32)}
    expected, got = (open_session(m.SerializeToString()).run(None, x)[0] for m in (model, changes.fold(model)))
    np.testing.assert_allclose(got, expected, atol=5e-6)


def test_an_inner_norm_that_is_an_output_is_not_the_final_one() -> None:
    extra = ", float[2,2] v = {1.0, 2.0, -1.0, 0.5}"
    body = f"s = Gemm (x, w, c) {NORM} h = Relu (n) z = Gemm (h, v) y = Softmax (z)"
    model = with_output(make_model(body, extra=extra), "n", onnx.TensorProto.FLOAT, "batch", 2)
    with pytest.raises(SurgeryError, match="the scores come from Gemm; a BatchNormalization before the output"):
        changes.remove(model)


def test_two_outputs_with_a_final_norm_each_are_refused() -> None:
    other = "t = Gemm (x, w) z = BatchNormalization (t, gamma, beta, mean, var)"
    model = with_output(
        make_model(f"s = Gemm (x, w, c) {NORM} y = Softmax (n) {other}"), "z", onnx.TensorProto.FLOAT, "batch", 2
    )
    with pytest.raises(SurgeryError, match="the outputs 'y', 'z' have a final norm each"):
        changes.fold(model)


def test_scores_that_are_an_output_are_refused() -> None:
    model = with_output(
        make_model(f"s = Gemm (x, w, c) {NORM} y = Softmax (n)"), "s", onnx.TensorProto.FLOAT, "batch", 2
    )
    with pytest.raises(SurgeryError, match="'s', between the layer and the final norm, is used elsewhere too"):
        changes.fold(model)


def test_a_function_of_another_domain_is_no_norm_whatever_its_name() -> None:
    model = make_model(f"s = Gemm (x, w, c) {NORM} y = Softmax (n)")
    norm = next(n for n in model.graph.node if n.op_type == "BatchNormalization")
    norm.CopyFrom(onnx.helper.make_node("BatchNormalization", list(norm.input), list(norm.output), domain="my"))
    body = [onnx.helper.make_node("Mul", ["s", "g"], ["n"])]
    opset = [onnx.helper.make_opsetid("", 20)]
    model.functions.append(
        onnx.helper.make_function("my", "BatchNormalization", ["s", "g", "b", "m", "v"], ["n"], body, opset)
    )
    model.opset_import.append(onnx.helper.make_opsetid("my", 1))
    for change in (changes.fold, changes.remove):
        with pytest.raises(SurgeryError, match=r"the scores come from my\.BatchNormalization"):
            change(model)


def test_a_graph_that_torch_has_folded_is_told_so() -> None:
    model = make_model("s = Gemm (x, w, c) y = Softmax (s)")
    with pytest.raises(SurgeryError, match="before the output; an exporter may have folded it already"):
        changes.fold(model)
    model.producer_name = "pytorch"
    with pytest.raises(
        SurgeryError, match="no BatchNormalization before the output; torch's default export has folded it"
    ):
        changes.fold(model)


@pytest.mark.parametrize("name", ["w.folded", "s.folded_bias", "s.product"])
def test_a_name_that_a_value_has_is_not_taken(name: str) -> None:
    model = make_model(f"taken = Identity (x) s = MatMul (taken, w) {NORM} y = Softmax (n)")
    for node in model.graph.node:
        node.input[:] = [name if value == "taken" else value for value in node.input]
        node.output[:] = [name if value == "taken" else value for value in node.output]
    np.testing.assert_allclose(run_model(changes.fold(model)), run_model(model), atol=5e-6)
