"""Constants in the forms that exporters write, and axes of classes followed through moving nodes."""

import numpy as np
import onnx
import pytest
from onnx import parser

from export.errors import SurgeryError
from export.surgery.graph import GraphView
from export.surgery.nodes import axis_behind, constant

HEADER = '<ir_version: 10, opset_import: ["" : 18]>'


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("k = Constant <value = float[2] {1.5, 2.0}> ()", [1.5, 2]),
        ("k = Constant <value_float = 1.5> ()", 1.5),
        ("k = Constant <value_floats = [1.5, 2.0]> ()", [1.5, 2]),
        ("k = Constant <value_int = 3> ()", 3),
        ("k = Constant <value_ints = [3, 4]> ()", [3, 4]),
        ("i = Constant <value_ints = [3, 4]> () k = Cast <to = 1> (i)", [3, 4]),
        ("k = Identity (c)", [4, 9]),
        ("r = Sqrt (c) k = Reciprocal (r)", [1 / 2, 1 / 3]),
        ("m = Mul (c, c) s = Sub (m, c) k = Neg (s)", [-12, -72]),
        ("k = Pow (c, c0)", [2, 3]),
        ("k = Unsqueeze (c, zero)", [[4, 9]]),
        ("u = Unsqueeze (c, zero) k = Squeeze (u)", [4, 9]),
        ("k = Reshape (c, column)", [[4], [9]]),
        ("u = Unsqueeze (c, zero) k = Transpose (u)", [[4], [9]]),
    ],
)  # fmt: skip
def test_a_constant_is_read_in_every_form(body: str, expected: float | list[float] | list[list[float]]) -> None:
    constants = "float[2] c = {4.0, 9.0}, float c0 = {0.5}, int64[1] zero = {0}, int64[2] column = {-1, 1}"
    model = parser.parse_model(f"{HEADER} g (float[n] x) => (float[n] y) <{constants}> {{ {body} y = Identity (x) }}")
    value = constant(GraphView(model), "k")
    assert value.dtype == np.float64
    np.testing.assert_allclose(value, expected, rtol=1e-6)


@pytest.mark.parametrize(
    ("body", "says"),
    [
        ("k = Abs (c)", "'k' is computed in the graph"),
        ("k = Add (x, c)", "'x' is a graph input"),
        ("k = Constant <value_string = \"a\"> ()", "no tensor of numbers"),
        ("k = Reshape (c, three)", "a Reshape of a constant that does not fit it"),
    ],
)  # fmt: skip
def test_what_is_no_constant_is_said(body: str, says: str) -> None:
    constants = "float[2] c = {4.0, 9.0}, int64[1] three = {3}"
    model = parser.parse_model(f"{HEADER} g (float[n] x) => (float[n] y) <{constants}> {{ {body} y = Identity (x) }}")
    with pytest.raises(SurgeryError, match=says):
        constant(GraphView(model), "k")


@pytest.mark.parametrize(
    ("shape", "axis", "node", "expected"),
    [
        ("n,5", 1, "Flatten (x)", 1),
        ("n,5,1,1", 1, "Flatten (x)", 1),
        ("n,5,2,2", 1, "Flatten (x)", "cannot be seen"),
        ("n,5", 1, "Reshape (x, minus_five)", 1),
        ("4,5", 1, "Reshape (x, two_two_five)", 2),
        ("n,4,5", 2, "Reshape (x, minus_five)", 1),
        ("5,n", 0, "Reshape (x, minus_five)", "cannot be seen"),
        ("n,5,m", 1, "Transpose <perm = [0, 2, 1]> (x)", 2),
        ("n,5", 1, "Transpose (x)", 0),
        ("n,5", 1, "Unsqueeze (x, one)", 2),
        ("n,5", 1, "Unsqueeze (x, last)", 1),
        ("n,1,5", 2, "Squeeze (x, one)", 1),
        ("n,1,5", 1, "Squeeze (x, one)", "takes the axis of the classes away"),
        ("n,5,m,m", 1, "GlobalAveragePool (x)", 1),
        ("n,m,m,5", 3, "GlobalAveragePool (x)", "takes the mean over the classes"),
        ("n,m,5", 2, "ReduceMean <keepdims = 0> (x, one)", 1),
        ("n,m,5", 2, "ReduceMean (x, one)", 2),
        ("n,m,5", 1, "ReduceMean (x, one)", "takes the axis of the classes away"),
        ("n,m,5", 1, "ReduceMean (x)", "does not name its axes"),
    ],
)
def test_the_axis_of_the_classes_is_followed(shape: str, axis: int, node: str, expected: int | str) -> None:
    constants = (
        "int64[2] minus_five = {-1, 5}, int64[3] two_two_five = {2, 2, 5}, int64[1] one = {1}, int64[1] last = {-1}"
    )
    model = parser.parse_model(f"{HEADER} g (float[{shape}] x) => (float y) <{constants}> {{ y = {node} }}")
    del model.graph.output[:]
    model.graph.output.append(onnx.ValueInfoProto(name="y"))
    view = GraphView(model)
    if isinstance(expected, int):
        assert axis_behind(view, model.graph.node[0], axis) == expected
    else:
        with pytest.raises(SurgeryError, match=expected):
            axis_behind(view, model.graph.node[0], axis)
