"""Hand-made graphs in the shapes that exporters write: each positive has its negative, each tolerance a wrong model."""

import numpy as np
import onnx
import pytest
from onnx import parser

from export.errors import SurgeryError
from export.surgery import changes, final_norm
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
    folded, removed = changes.fold(model), changes.remove(model)
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
        open_session(its.SerializeToString()).run(None, {"x": x})[0] for its in (model, changes.fold(model))
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
    folded = changes.fold(model)
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
    for changed in (changes.fold(model), changes.remove(model)):
        assert [output.name for output in changed.graph.output] == ["y"]
        assert _operators(changed) == ["Gemm"]
    np.testing.assert_allclose(_run(changes.fold(model)), _run(model), atol=1e-5)


MUL_ADD = ", float[2] a = {0.7, -0.9}, float[2] b = {0.3, 0.25}, float[1,2] rows = {0.7, -0.9}, float[1] one = {2.0}"


@pytest.mark.parametrize("norm", ["p = Mul (s, a) n = Add (p, b)", "p = Mul (rows, s) n = Add (b, p)"])
@pytest.mark.parametrize(("weight", "layer"), LAYERS.values(), ids=LAYERS.keys())
def test_a_norm_that_keras_converter_writes_as_mul_and_add_is_found(weight: str, layer: str, norm: str) -> None:
    model = _model(f"{layer} {norm} {ENDS['softmax']}", weight, extra=MUL_ADD)
    folded, removed = changes.fold(model), changes.remove(model)
    np.testing.assert_allclose(_run(folded), _run(model), atol=2e-6)
    np.testing.assert_allclose(_run(removed), _run(_model(f"{layer} y = Softmax (s)", weight)), atol=1e-7)
    assert not {"Mul", "BatchNormalization"} & set(_operators(folded) + _operators(removed))


@pytest.mark.parametrize(
    "norm", ["p = Mul (s, one) n = Add (p, b)", "p = Mul (s, one) n = Add (p, one)", "p = Mul (s, s) n = Add (p, b)"]
)
def test_another_mul_and_add_is_no_norm(norm: str) -> None:
    model = _model(f"s = Gemm (x, w, c) {norm} {ENDS['softmax']}", extra=MUL_ADD)
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
    model = _model(body, extra=", float[1] zero = {0.0}")
    with pytest.raises(SurgeryError, match="the scores come from Add"):
        changes.fold(model)


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
        (_model(f"h = Gemm (x, w, c) r = Relu (h) s = Add (r, c) {NORM} y = Softmax (n)"), "stands Relu"),
        (_model(f"t = Gemm (x, w, c) s = Sigmoid (t) {NORM} y = Softmax (n)"),
         "between the layer and the final BatchNormalization stands Sigmoid"),
        (_model(f"g = Gemm (x, w, c) s = Dropout (g, , yes) {NORM} y = Softmax (n)", extra=", bool yes = {1}"),
         "stands Dropout"),
        (_model(f"s = Gemm (x, w, c) {NORM.replace('var)', 'negative)')} y = Softmax (n)",
                extra=", float[2] negative = {-1.0, 1.0}"), "has a variance of -1"),
        (_model(f"s = Gemm (x, w, c) {NORM.replace('mean', 'm2')} y = Softmax (n)",
                inputs="float[batch,3] x, float[2] m2"), "'m2' is a graph input"),
    ],
    ids=["no norm", "training mode", "no dense", "used elsewhere", "residual", "graph input", "computed", "add",
         "activation between", "dropout in training", "negative variance", "given mean"],
)  # fmt: skip
def test_what_cannot_be_folded_says_why(model: onnx.ModelProto, reason: str) -> None:
    with pytest.raises(SurgeryError, match=reason):
        changes.fold(model)


def test_scores_that_are_used_elsewhere_are_refused() -> None:
    model = _model(f"s = Gemm (x, w, c) t = Tanh (s) {NORM} y = Softmax (n)")
    with pytest.raises(SurgeryError, match="used elsewhere too"):
        changes.remove(model)


def test_a_classifier_as_sklearns_converter_writes_it_is_refused() -> None:
    """Its scores are shifted, not normed."""
    body = "s = Gemm (x, w, c) p = Softmax (s) label = ArgMax <axis = 1, keepdims = 0> (p) y = Identity (p)"
    model = _model(body)
    model.graph.output.insert(0, onnx.helper.make_tensor_value_info("label", onnx.TensorProto.INT64, ["batch"]))
    with pytest.raises(SurgeryError, match="no BatchNormalization before the output"):
        changes.fold(model)


TAILS = {
    "log softmax": "y = LogSoftmax (n)",
    "nothing but an Identity": "y = Identity (n)",
    "identity behind": "p = Softmax (n) y = Identity (p)",
    "cast": "d = Cast <to = 11> (n) p = Softmax (d) y = Cast <to = 1> (p)",
    "flatten": "f = Flatten (n) y = Softmax (f)",
    "reshape": "f = Reshape (n, rows) y = Softmax (f)",
    "dropout": "f = Dropout (n) y = Softmax (f)",
    "temperature": "f = Div (n, two) y = Softmax (f)",
    "transposes": "f = Transpose (n) g = Transpose (f) y = Softmax (g)",
}
BETWEEN = {
    "identity": "s = Identity (t)",
    "flatten": "s = Flatten (t)",
    "reshape": "s = Reshape (t, rows)",
    "dropout": "s = Dropout (t)",
    "double": "d = Cast <to = 11> (t) s = Cast <to = 1> (d)",
    "transposes": "d = Transpose (t) s = Transpose (d)",
    "unsqueeze and squeeze": "d = Unsqueeze (t, axis) s = Squeeze (d, axis)",
    "a scale": "s = Mul (t, two)",
}
SHAPES = ", int64[2] rows = {-1, 2}, float two = {2.0}, int64[1] axis = {2}"


@pytest.mark.parametrize("layer", ["t = Gemm (x, w, c)", "t = MatMul (x, w)"])
@pytest.mark.parametrize(
    ("between", "tail"),
    [
        *((between, "y = Softmax (n)") for between in BETWEEN.values()),
        *(("s = Identity (t)", t) for t in TAILS.values()),
    ],
    ids=[*BETWEEN, *(f"{name} behind" for name in TAILS)],
)
def test_what_only_moves_scores_may_stand_on_either_side(layer: str, between: str, tail: str) -> None:
    model = _model(f"{layer} {between} {NORM} {tail}", extra=SHAPES)
    folded, removed = changes.fold(model), changes.remove(model)
    np.testing.assert_allclose(_run(folded), _run(model), atol=5e-6)
    assert np.abs(_run(removed) - _run(model)).max() > 0.1
    assert "BatchNormalization" not in _operators(folded) + _operators(removed)


@pytest.mark.parametrize("bias", ["s = Add (t, c)", "s = Identity (t)"])
@pytest.mark.parametrize(
    "norm",
    [
        "d = Sub (s, mean) e = Div (d, var) f = Mul (gamma, e) n = Add (f, beta)",
        "d = Sub (s, mean) f = Mul (d, gamma) n = Sub (f, beta)",
        "d = Mul (s, gamma) n = Sub (beta, d)",
        "e = Add (var, eps) r = Sqrt (e) i = Reciprocal (r) a = Mul (i, gamma) o = Mul (mean, a) b = Sub (beta, o)"
        " d = Mul (s, a) n = Add (d, b)",
        "e = Add (var, eps) r = Sqrt (e) d = Sub (s, mean) n = Div (d, r)",
    ],
    ids=["sub div mul add", "sub mul sub", "from a constant", "computed constants", "affine=False"],
)
def test_a_norm_in_its_parts(norm: str, bias: str) -> None:
    """The Add behind the MatMul is the layer's bias where a norm remains without it."""
    model = _model(f"t = MatMul (x, w) {bias} {norm} y = Softmax (n)", extra=", float eps = {0.001}")
    folded, removed = changes.fold(model), changes.remove(model)
    np.testing.assert_allclose(_run(folded), _run(model), atol=5e-6)
    assert _operators(folded)[:2] == ["MatMul", "Add"]
    plain = _model(f"t = MatMul (x, w) {bias} y = Softmax (s)")
    np.testing.assert_allclose(_run(removed), _run(plain), atol=1e-7)


def test_a_norm_without_scale_and_shift_as_torchs_exporter_writes_it() -> None:
    """Its ones and zeros have the shape and type of the scores."""
    ones = "one = Constant <value_floats = [1.0]> () a = CastLike (one, s) z = Shape <start = 1, end = 2> (s)"
    norm = "g = Expand (a, z) n = BatchNormalization (s, g, beta, mean, var)"
    for layer in ("s = Gemm (x, w, c)", "s = MatMul (x, w)"):
        model = _model(f"{layer} {ones} {norm} y = Softmax (n)")
        folded, removed = changes.fold(model), changes.remove(model)
        np.testing.assert_allclose(_run(folded), _run(model), atol=5e-6)
        assert not {"Shape", "CastLike", "Expand"} & set(_operators(folded) + _operators(removed))


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


def test_a_dense_layer_of_each_step_of_a_series() -> None:
    more = ", int64[2] flat = {-1, 3}, int64[3] rows = {-1, 4, 2}"
    text = f"{HEADER} g (float[n,4,3] x) => (float[n,4,2] y) <{CONSTANTS.format(weight='3,2')}{more}>"
    layers = ("s = MatMul (x, w)", "f = Reshape (x, flat) m = MatMul (f, w) t = Add (m, c) s = Reshape (t, rows)")
    x = {"x": np.random.default_rng(0).normal(size=(5, 4, 3)).astype(np.float32)}
    for layer in layers:
        model = parser.parse_model(f"{text} {{ {layer} p = Mul (s, gamma) n = Add (p, beta) y = Softmax (n) }}")
        expected, got = (open_session(m.SerializeToString()).run(None, x)[0] for m in (model, changes.fold(model)))
        np.testing.assert_allclose(got, expected, atol=2e-6)


@pytest.mark.parametrize(
    "body",
    [
        f"s = Conv (x, k, c) {NORM} m = GlobalAveragePool (n) y = Flatten (m)",
        "t = Conv (x, k) m = GlobalAveragePool (t) s = Flatten (m) y = BatchNormalization (s, gamma, beta, mean, var)",
        "t = Conv (x, k) s = ReduceMean <keepdims = 0> (t, hw) p = Mul (s, gamma) y = Add (p, beta)",
    ],
    ids=["norm before the mean", "norm behind the mean", "in parts behind a ReduceMean"],
)
def test_scores_of_a_convolution_averaged_over_places(body: str) -> None:
    model = parser.parse_model(f"{HEADER} g (float[b,3,4,4] x) => (float[b,2] y) <{CONV}> {{ {body} }}")
    x = {"x": np.random.default_rng(0).normal(size=(5, 3, 4, 4)).astype(np.float32)}
    expected, got = (open_session(m.SerializeToString()).run(None, x)[0] for m in (model, changes.fold(model)))
    np.testing.assert_allclose(got, expected, atol=2e-6)
    assert not {"BatchNormalization", "Mul"} & set(_operators(changes.fold(model)))


def _with_output(model: onnx.ModelProto, name: str, kind: int, *sizes: int | str) -> onnx.ModelProto:
    model.graph.output.append(onnx.helper.make_tensor_value_info(name, kind, sizes))
    onnx.checker.check_model(model, full_check=True)
    return model


def test_further_outputs_that_hang_on_scores_or_features_stay() -> None:
    body = f"h = Relu (x) s = Gemm (h, w, c) {NORM} y = Softmax (n) k = ArgMax <axis = 1> (n)"
    model = _with_output(_model(body), "k", onnx.TensorProto.INT64, "batch", 1)
    _with_output(_with_output(model, "h", onnx.TensorProto.FLOAT, "batch", 3), "n", onnx.TensorProto.FLOAT, "batch", 2)
    expected, got = (open_session(m.SerializeToString()).run(None, {"x": X}) for m in (model, changes.fold(model)))
    for one, other in zip(expected, got, strict=True):
        np.testing.assert_allclose(one, other, atol=5e-6)


def test_an_inner_norm_that_is_an_output_is_not_the_final_one() -> None:
    extra = ", float[2,2] v = {1.0, 2.0, -1.0, 0.5}"
    body = f"s = Gemm (x, w, c) {NORM} h = Relu (n) z = Gemm (h, v) y = Softmax (z)"
    model = _with_output(_model(body, extra=extra), "n", onnx.TensorProto.FLOAT, "batch", 2)
    with pytest.raises(SurgeryError, match="the scores come from Gemm; a BatchNormalization before the output"):
        changes.remove(model)


def test_two_outputs_with_a_final_norm_each_are_refused() -> None:
    other = "t = Gemm (x, w) z = BatchNormalization (t, gamma, beta, mean, var)"
    model = _with_output(
        _model(f"s = Gemm (x, w, c) {NORM} y = Softmax (n) {other}"), "z", onnx.TensorProto.FLOAT, "batch", 2
    )
    with pytest.raises(SurgeryError, match="the outputs 'y', 'z' have a final norm each"):
        changes.fold(model)


def test_scores_that_are_an_output_are_refused() -> None:
    model = _with_output(_model(f"s = Gemm (x, w, c) {NORM} y = Softmax (n)"), "s", onnx.TensorProto.FLOAT, "batch", 2)
    with pytest.raises(SurgeryError, match="'s', between the layer and the final norm, is used elsewhere too"):
        changes.fold(model)


def test_a_function_of_another_domain_is_no_norm_whatever_its_name() -> None:
    model = _model(f"s = Gemm (x, w, c) {NORM} y = Softmax (n)")
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
    model = _model("s = Gemm (x, w, c) y = Softmax (s)")
    with pytest.raises(SurgeryError, match="before the output; an exporter may have folded it already"):
        changes.fold(model)
    model.producer_name = "pytorch"
    with pytest.raises(
        SurgeryError, match="no BatchNormalization before the output; torch's default export has folded it"
    ):
        changes.fold(model)


@pytest.mark.parametrize("name", ["w.folded", "s.folded_bias", "s.product"])
def test_a_name_that_a_value_has_is_not_taken(name: str) -> None:
    model = _model(f"taken = Identity (x) s = MatMul (taken, w) {NORM} y = Softmax (n)")
    for node in model.graph.node:
        node.input[:] = [name if value == "taken" else value for value in node.input]
        node.output[:] = [name if value == "taken" else value for value in node.output]
    np.testing.assert_allclose(_run(changes.fold(model)), _run(model), atol=5e-6)
