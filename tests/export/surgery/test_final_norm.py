"""Hand-made graphs in the shapes that exporters write: each positive has its negative, each tolerance a wrong model."""

import numpy as np
import onnx
import pytest
from onnx import parser

from export.surgery import changes
from export.verification.sessions import open_session
from tests.export.surgery.graphs import (
    CONSTANTS,
    CONV,
    ENDS,
    HEADER,
    LAYERS,
    MUL_ADD,
    NORM,
    X,
    make_model,
    operators_of,
    run_model,
    with_output,
)


@pytest.mark.parametrize("end", ["softmax", "sigmoid"])
@pytest.mark.parametrize(("weight", "layer"), LAYERS.values(), ids=LAYERS.keys())
def test_fold_keeps_every_output_and_remove_does_not(weight: str, layer: str, end: str) -> None:
    model = make_model(f"{layer} {NORM} {ENDS[end]}", weight)
    before = model.SerializeToString()
    folded, removed = changes.fold(model), changes.remove(model)
    np.testing.assert_allclose(run_model(folded), run_model(model), atol=2e-6)  # float32 rounding
    assert np.abs(run_model(removed) - run_model(model)).max() > 0.1
    for changed in (folded, removed):
        assert "BatchNormalization" not in operators_of(changed)
        assert len(changed.graph.node) == len(model.graph.node) - 1
        assert not {"gamma", "beta", "mean", "var"} & {constant.name for constant in changed.graph.initializer}
    assert model.SerializeToString() == before


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
    model = make_model(body)
    folded = changes.fold(model)
    np.testing.assert_allclose(run_model(folded), run_model(model), atol=2e-6)
    assert operators_of(folded) == ["Gemm", "Softmax"]


def test_a_norm_that_is_the_graph_output_keeps_the_output_name() -> None:
    model = make_model(f"s = Gemm (x, w, c) {NORM.replace('n =', 'y =', 1)}")
    for changed in (changes.fold(model), changes.remove(model)):
        assert [output.name for output in changed.graph.output] == ["y"]
        assert operators_of(changed) == ["Gemm"]
    np.testing.assert_allclose(run_model(changes.fold(model)), run_model(model), atol=1e-5)


@pytest.mark.parametrize("norm", ["p = Mul (s, a) n = Add (p, b)", "p = Mul (rows, s) n = Add (b, p)"])
@pytest.mark.parametrize(("weight", "layer"), LAYERS.values(), ids=LAYERS.keys())
def test_a_norm_that_keras_converter_writes_as_mul_and_add_is_found(weight: str, layer: str, norm: str) -> None:
    model = make_model(f"{layer} {norm} {ENDS['softmax']}", weight, extra=MUL_ADD)
    folded, removed = changes.fold(model), changes.remove(model)
    np.testing.assert_allclose(run_model(folded), run_model(model), atol=2e-6)
    np.testing.assert_allclose(run_model(removed), run_model(make_model(f"{layer} y = Softmax (s)", weight)), atol=1e-7)
    assert not {"Mul", "BatchNormalization"} & set(operators_of(folded) + operators_of(removed))


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
    model = make_model(f"{layer} {between} {NORM} {tail}", extra=SHAPES)
    folded, removed = changes.fold(model), changes.remove(model)
    np.testing.assert_allclose(run_model(folded), run_model(model), atol=5e-6)
    assert np.abs(run_model(removed) - run_model(model)).max() > 0.1
    assert "BatchNormalization" not in operators_of(folded) + operators_of(removed)


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
    model = make_model(f"t = MatMul (x, w) {bias} {norm} y = Softmax (n)", extra=", float eps = {0.001}")
    folded, removed = changes.fold(model), changes.remove(model)
    np.testing.assert_allclose(run_model(folded), run_model(model), atol=5e-6)
    assert operators_of(folded)[:2] == ["MatMul", "Add"]
    plain = make_model(f"t = MatMul (x, w) {bias} y = Softmax (s)")
    np.testing.assert_allclose(run_model(removed), run_model(plain), atol=1e-7)


def test_a_norm_without_scale_and_shift_as_torchs_exporter_writes_it() -> None:
    """Its ones and zeros have the shape and type of the scores."""
    ones = "one = Constant <value_floats = [1.0]> () a = CastLike (one, s) z = Shape <start = 1, end = 2> (s)"
    norm = "g = Expand (a, z) n = BatchNormalization (s, g, beta, mean, var)"
    for layer in ("s = Gemm (x, w, c)", "s = MatMul (x, w)"):
        model = make_model(f"{layer} {ones} {norm} y = Softmax (n)")
        folded, removed = changes.fold(model), changes.remove(model)
        np.testing.assert_allclose(run_model(folded), run_model(model), atol=5e-6)
        assert not {"Shape", "CastLike", "Expand"} & set(operators_of(folded) + operators_of(removed))


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
    assert not {"BatchNormalization", "Mul"} & set(operators_of(changes.fold(model)))


def test_further_outputs_that_hang_on_scores_or_features_stay() -> None:
    body = f"h = Relu (x) s = Gemm (h, w, c) {NORM} y = Softmax (n) k = ArgMax <axis = 1> (n)"
    model = with_output(make_model(body), "k", onnx.TensorProto.INT64, "batch", 1)
    with_output(with_output(model, "h", onnx.TensorProto.FLOAT, "batch", 3), "n", onnx.TensorProto.FLOAT, "batch", 2)
    expected, got = (open_session(m.SerializeToString()).run(None, {"x": X}) for m in (model, changes.fold(model)))
    for one, other in zip(expected, got, strict=True):
        np.testing.assert_allclose(one, other, atol=5e-6)
