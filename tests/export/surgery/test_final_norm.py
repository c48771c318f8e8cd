"""Hand-made graphs in the shapes that exporters write: each positive has its negative, each tolerance a wrong model."""

import numpy as np
import onnx
import pytest
from onnx import parser

from export.errors import SurgeryError
from export.surgery import final_norm
from export.verification.sessions import open_session

HEADER = '<ir_version: 10, opset_import: ["" : 20]>'
CONSTANTS = """
    float[{weight}] w = {{1.0, -2.0, 0.5, 3.0, 0.25, -1.0}}, float[2] c = {{0.5, -0.5}},
    float[2] gamma = {{1.5, -0.5}}, float[2] beta = {{0.1, 0.2}},
    float[2] mean = {{0.3, -1.0}}, float[2] var = {{4.0, 0.25}}
"""
NORM = "n = BatchNormalization <epsilon = 0.001> (s, gamma, beta, mean, var)"
LAYERS = {
    "gemm transB": ("2,3", "s = Gemm <transB = 1> (x, w, c)"),
    "gemm": ("3,2", "s = Gemm (x, w, c)"),
    "gemm without bias": ("3,2", "s = Gemm (x, w)"),
    "gemm alpha beta": ("3,2", "s = Gemm <alpha = 0.5, beta = 2.0> (x, w, c)"),
    "matmul add": ("3,2", "m = MatMul (x, w)\n s = Add (m, c)"),
    "add the other way": ("3,2", "m = MatMul (x, w)\n s = Add (c, m)"),
}
ENDS = {"softmax": "y = Softmax (n)", "sigmoid": "y = Sigmoid (n)", "nothing": "y = Identity (n)"}
X = np.random.default_rng(0).normal(size=(7, 3)).astype(np.float32)


def _model(body: str, weight: str = "3,2", inputs: str = "float[batch,3] x", extra: str = "") -> onnx.ModelProto:
    constants = CONSTANTS.format(weight=weight) + extra
    model = parser.parse_model(f"{HEADER} g ({inputs}) => (float[batch,2] y) <{constants}> {{ {body} }}")
    onnx.checker.check_model(model, full_check=True)
    return model


def _run(model: onnx.ModelProto) -> np.ndarray:
    (outputs,) = open_session(model.SerializeToString()).run(None, {"x": X})
    return np.asarray(outputs)


def _operators(model: onnx.ModelProto) -> list[str]:
    return [node.op_type for node in model.graph.node]


@pytest.mark.parametrize("end", ["softmax", "sigmoid"])
@pytest.mark.parametrize(("weight", "layer"), LAYERS.values(), ids=LAYERS.keys())
def test_fold_keeps_every_output_and_remove_does_not(weight: str, layer: str, end: str) -> None:
    model = _model(f"{layer} {NORM} {ENDS[end]}", weight)
    before = model.SerializeToString()
    folded, removed = final_norm.fold(model), final_norm.remove(model)
    np.testing.assert_allclose(_run(folded), _run(model), atol=2e-6)  # float32 rounding
    assert np.abs(_run(removed) - _run(model)).max() > 0.1
    for changed in (folded, removed):
        assert "BatchNormalization" not in _operators(changed)
        assert len(changed.graph.node) == len(model.graph.node) - 1
        assert not {"gamma", "beta", "mean", "var"} & {constant.name for constant in changed.graph.initializer}
    assert model.SerializeToString() == before


CONV = """
    float[2,3,1,1] k = {1.0, -2.0, 0.5, 3.0, 0.25, -1.0}, float[2] c = {0.5, -0.5}, int64[2] hw = {2, 3},
    float[2] gamma = {1.5, -0.5}, float[2] beta = {0.1, 0.2}, float[2] mean = {0.3, -1.0}, float[2] var = {4.0, 0.25}
"""


@pytest.mark.parametrize("layer", ["s = Conv (x, k, c)", "s = Conv (x, k)"])
def test_a_convolution_that_gives_the_scores_is_folded(layer: str) -> None:
    body = f"{layer} {NORM.replace('n =', 'y =', 1)}"
    model = parser.parse_model(f"{HEADER} g (float[b,3,4,4] x) => (float[b,2,4,4] y) <{CONV}> {{ {body} }}")
    x = np.random.default_rng(0).normal(size=(5, 3, 4, 4)).astype(np.float32)
    expected, found = (
        open_session(its.SerializeToString()).run(None, {"x": x})[0] for its in (model, final_norm.fold(model))
    )
    np.testing.assert_allclose(found, expected, atol=2e-6)


def test_constants_of_nodes_and_behind_identities_are_found() -> None:
    body = """
        g0 = Constant <value = float[2] {1.5, -0.5}> ()
        m0 = Identity (mean)
        s = Gemm (x, w, c)
        n = BatchNormalization <epsilon = 0.001> (s, g0, beta, m0, var)
        y = Softmax (n)
    """
    model = _model(body)
    folded = final_norm.fold(model)
    np.testing.assert_allclose(_run(folded), _run(model), atol=2e-6)
    assert _operators(folded) == ["Gemm", "Softmax"]


def test_a_graph_of_an_old_opset_is_refused() -> None:
    model = _model(f"s = Gemm (x, w, c) {NORM} y = Softmax (n)")
    model.opset_import[0].version = 8
    with pytest.raises(SurgeryError, match="got opset 8; 9 or newer is needed"):
        final_norm.find(model)


def test_a_norm_that_also_gives_batch_statistics_is_in_training_mode() -> None:
    model = _model(f"s = Gemm (x, w, c) {NORM} y = Softmax (n)")
    next(n for n in model.graph.node if n.op_type == "BatchNormalization").output.extend(
        ["running_mean", "running_var"]
    )
    with pytest.raises(SurgeryError, match="in training mode"):
        final_norm.find(model)


def test_a_norm_that_is_the_graph_output_keeps_the_output_name() -> None:
    model = _model(f"s = Gemm (x, w, c) {NORM.replace('n =', 'y =', 1)}")
    for changed in (final_norm.fold(model), final_norm.remove(model)):
        assert [output.name for output in changed.graph.output] == ["y"]
        assert _operators(changed) == ["Gemm"]
    np.testing.assert_allclose(_run(final_norm.fold(model)), _run(model), atol=1e-5)


MUL_ADD = ", float[2] a = {0.7, -0.9}, float[2] b = {0.3, 0.25}, float[1,2] rows = {0.7, -0.9}, float[1] one = {2.0}"


@pytest.mark.parametrize("norm", ["p = Mul (s, a) n = Add (p, b)", "p = Mul (rows, s) n = Add (b, p)"])
@pytest.mark.parametrize(("weight", "layer"), LAYERS.values(), ids=LAYERS.keys())
def test_a_norm_that_keras_converter_writes_as_mul_and_add_is_found(weight: str, layer: str, norm: str) -> None:
    model = _model(f"{layer} {norm} {ENDS['softmax']}", weight, extra=MUL_ADD)
    folded, removed = final_norm.fold(model), final_norm.remove(model)
    np.testing.assert_allclose(_run(folded), _run(model), atol=2e-6)
    np.testing.assert_allclose(_run(removed), _run(_model(f"{layer} y = Softmax (s)", weight)), atol=1e-7)
    assert not {"Mul", "BatchNormalization"} & set(_operators(folded) + _operators(removed))


@pytest.mark.parametrize(
    "norm", ["p = Mul (s, one) n = Add (p, b)", "p = Mul (s, one) n = Add (p, one)", "p = Mul (s, s) n = Add (p, b)"]
)
def test_another_mul_and_add_is_no_norm(norm: str) -> None:
    model = _model(f"s = Gemm (x, w, c) {norm} {ENDS['softmax']}", extra=MUL_ADD)
    for change in (final_norm.fold, final_norm.remove):
        with pytest.raises(SurgeryError, match=r"the scores come from Add|has 1 channels"):
            change(model)


def test_a_mul_and_add_along_an_image_is_no_norm() -> None:
    body = "s = Conv (x, k, c) p = Mul (s, gamma) y = Add (p, beta)"
    model = parser.parse_model(f"{HEADER} g (float[b,3,2,2] x) => (float[b,2,2,2] y) <{CONV}> {{ {body} }}")
    with pytest.raises(SurgeryError, match="the scores come from Add"):
        final_norm.remove(model)


def test_a_norm_over_another_axis_is_refused() -> None:
    more = ", float[4] four = {1.0, 2.0, 3.0, 4.0}"
    text = f"{HEADER} g (float[b,4,3] x) => (float[b,4,2] y) <{CONSTANTS.format(weight='3,2')}{more}>"
    body = "m = MatMul (x, w) s = Add (m, c) n = BatchNormalization (s, four, four, four, four) y = Softmax (n)"
    with pytest.raises(SurgeryError, match="has 4 channels, the layer before it weights of 3x2"):
        final_norm.fold(parser.parse_model(f"{text} {{ {body} }}"))


def test_a_weight_that_another_layer_uses_too_is_left_to_it() -> None:
    body = f"z = MatMul (x, w)\n s = Gemm (x, w, c) {NORM} p = Softmax (n) q = Mul (z, zero) y = Add (p, q)"
    model = _model(body, extra=", float[1] zero = {0.0}")
    with pytest.raises(SurgeryError, match="the scores come from Add"):
        final_norm.fold(model)


@pytest.mark.parametrize(
    ("model", "reason"),
    [
        (_model("s = Gemm (x, w, c) y = Softmax (s)"), "the scores come from Gemm"),
        (
            _model("s = Gemm (x, w, c) n, m2, v2 = BatchNormalization <training_mode = 1> (s, gamma, beta, mean, var)"
                   "y = Softmax (n)"),
            "training mode",
        ),
        (_model(f"r = Gemm (x, w, c) s = Relu (r) {NORM} y = Softmax (n)"), "stands Relu; Gemm, MatMul"),
        (_model(f"s = Gemm (x, w, c) {NORM} p = Softmax (n) t = Tanh (s) y = Add (p, t)"), "the scores come from Add"),
        (
            _model(f"s = Gemm (x, w, c) {NORM} p = Add (n, s) y = Softmax (p)"), "the scores come from Add"
        ),
        (
            _model(f"s = Gemm (x, w2, c) {NORM} y = Softmax (n)", inputs="float[batch,3] x, float[3,2] w2"),
            "'w2' is a graph input",
        ),
        (_model(f"w2 = Abs (w) s = Gemm (x, w2, c) {NORM} y = Softmax (n)"), "'w2' is computed in the graph"),
        (_model(f"a = Relu (x) s = Add (a2, c) {NORM} y = Softmax (n)".replace("a2", "m").replace(
            "a = Relu (x)", "m = Gemm (x, w, c)")), "an Add without a MatMul"),
    ],
    ids=["no norm", "training mode", "no dense", "used elsewhere", "residual", "graph input", "computed", "add"],
)  # fmt: skip
def test_what_cannot_be_folded_says_why(model: onnx.ModelProto, reason: str) -> None:
    with pytest.raises(SurgeryError, match=reason):
        final_norm.fold(model)


def test_scores_that_are_used_elsewhere_are_refused() -> None:
    model = _model(f"s = Gemm (x, w, c) t = Tanh (s) {NORM} y = Softmax (n)")
    with pytest.raises(SurgeryError, match="used elsewhere too"):
        final_norm.remove(model)


def test_a_classifier_as_sklearns_converter_writes_it_is_refused() -> None:
    """Label and probabilities are two outputs there, and the scores are shifted, not normed."""
    body = "s = Gemm (x, w, c) p = Softmax (s) label = ArgMax <axis = 1, keepdims = 0> (p) y = Identity (p)"
    model = _model(body)
    model.graph.output.insert(0, onnx.helper.make_tensor_value_info("label", onnx.TensorProto.INT64, ["batch"]))
    with pytest.raises(SurgeryError, match="got 2 graph outputs; a classifier with one is needed"):
        final_norm.fold(model)


def test_two_outputs_are_refused() -> None:
    model = _model(f"s = Gemm (x, w, c) {NORM} y = Softmax (n)")
    model.graph.output.append(onnx.helper.make_tensor_value_info("n", onnx.TensorProto.FLOAT, ["batch", 2]))
    with pytest.raises(SurgeryError, match="got 2 graph outputs"):
        final_norm.find(model)
