"""Small graphs with a final norm, written in ONNX' text form, and what runs them."""

import numpy as np
import onnx
from onnx import parser

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


def make_model(body: str, weight: str = "3,2", inputs: str = "float[batch,3] x", extra: str = "") -> onnx.ModelProto:
    constants = CONSTANTS.format(weight=weight) + extra
    model = parser.parse_model(f"{HEADER} g ({inputs}) => (float[batch,2] y) <{constants}> {{ {body} }}")
    onnx.checker.check_model(model, full_check=True)
    return model


def run_model(model: onnx.ModelProto) -> np.ndarray:
    (outputs,) = open_session(model.SerializeToString()).run(None, {"x": X})
    return np.asarray(outputs)


def operators_of(model: onnx.ModelProto) -> list[str]:
    return [node.op_type for node in model.graph.node]


MUL_ADD = ", float[2] a = {0.7, -0.9}, float[2] b = {0.3, 0.25}, float[1,2] rows = {0.7, -0.9}, float[1] one = {2.0}"


def with_output(model: onnx.ModelProto, name: str, kind: int, *sizes: int | str) -> onnx.ModelProto:
    model.graph.output.append(onnx.helper.make_tensor_value_info(name, kind, sizes))
    onnx.checker.check_model(model, full_check=True)
    return model


CONV = """
    float[2,3,1,1] k = {1.0, -2.0, 0.5, 3.0, 0.25, -1.0}, float[2] c = {0.5, -0.5}, int64[2] hw = {2, 3},
    float[2] gamma = {1.5, -0.5}, float[2] beta = {0.1, 0.2}, float[2] mean = {0.3, -1.0}, float[2] var = {4.0, 0.25}
"""
