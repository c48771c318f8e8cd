"""What surgery leaves alone: other nodes byte for byte, tied weights, old files; and its other changes of a layer."""

import numpy as np
import onnx
import pytest
from onnx import parser

from export.errors import SurgeryError
from export.surgery import changes
from tests.export.surgery.graphs import CONSTANTS, ENDS, HEADER, LAYERS, NORM, make_model, operators_of, run_model


def test_what_the_change_does_not_touch_stays_byte_for_byte() -> None:
    body = f"""
        unused = Constant <value = float[1] {{7.0}}> ()
        same = Identity (x)
        h = Gemm <alpha = 0.5> (same, w0, c0)
        r = Relu (h)
        s = Gemm (r, w, c) {NORM} y = Softmax (n)
    """
    more = ", float[3,3] w0 = {1.0, 0.0, 2.0, 0.5, 1.0, 0.0, 0.0, 1.0, 1.0}, float[3] c0 = {0.1, 0.2, 0.3}"
    model = make_model(body, extra=f"{more}, float[2] spare = {{1.0, 2.0}}")
    model.graph.value_info.append(onnx.helper.make_tensor_value_info("spare", onnx.TensorProto.FLOAT, [2]))
    model.metadata_props.add(key="owner", value="somebody")
    for changed in (changes.fold(model), changes.remove(model)):
        for kept in ("unused", "same", "h", "r"):
            before, after = (next(n for n in its.graph.node if kept in n.output) for its in (model, changed))
            assert after.SerializeToString() == before.SerializeToString()
        constants = {c.name: c.SerializeToString() for c in changed.graph.initializer}
        untouched = {c.name: c.SerializeToString() for c in model.graph.initializer if c.name in ("w0", "c0", "spare")}
        assert untouched.items() <= constants.items()
        assert [v.name for v in changed.graph.value_info if v.name == "spare"] == ["spare"]
        assert (changed.metadata_props, changed.opset_import) == (model.metadata_props, model.opset_import)
        assert (changed.graph.input, changed.graph.output) == (model.graph.input, model.graph.output)


def test_tied_weights_are_scaled_in_the_last_layer_only() -> None:
    tied = ", float[3,3] t = {1.0, -2.0, 0.5, 3.0, 0.25, -1.0, 0.5, 0.5, 0.5}, float[3] three = {1.5, -0.5, 2.0}"
    body = "h = Gemm (x, t) r = Relu (h) s = Gemm (r, t) n = BatchNormalization (s, three, three, three, three)"
    text = f"{HEADER} g (float[batch,3] x) => (float[batch,3] y) <{CONSTANTS.format(weight='3,2')}{tied}>"
    model = parser.parse_model(
        f"{text.replace('three = {1.5, -0.5, 2.0}', 'three = {1.5, 0.5, 2.0}')} {{ {body} y = Softmax (n) }}"
    )
    folded = changes.fold(model)
    np.testing.assert_allclose(run_model(folded), run_model(model), atol=2e-6)
    assert [node.input[1] for node in folded.graph.node if node.op_type == "Gemm"] == ["t", "t.folded"]


def test_an_old_file_that_lists_its_constants_as_inputs_is_folded() -> None:
    model = make_model(f"s = Gemm (x, w, c) {NORM} y = Softmax (n)")
    model.ir_version = 3
    del model.opset_import[:]
    model.opset_import.append(onnx.helper.make_opsetid("", 9))
    for c in model.graph.initializer:
        model.graph.input.append(onnx.helper.make_tensor_value_info(c.name, c.data_type, c.dims))
    folded = changes.fold(model)
    np.testing.assert_allclose(run_model(folded), run_model(model), atol=2e-6)
    assert {v.name for v in folded.graph.input} == {"x"} | {c.name for c in folded.graph.initializer}


def test_inner_norms_are_fused_and_the_final_one_stays() -> None:
    inner = "i = BatchNormalization (h, gamma, beta, mean, var)\n r = Relu (i)"
    model = make_model(f"h = Gemm (x, w, c)\n {inner}\n s = Gemm (r, v)\n {NORM} {ENDS['softmax']}",
                   extra=", float[2,2] v = {1.0, 2.0, -1.0, 0.5}")  # fmt: skip
    fused = changes.fuse_inner_norms(model)
    assert operators_of(fused) == ["Gemm", "Relu", "Gemm", "BatchNormalization", "Softmax"]
    np.testing.assert_allclose(run_model(fused), run_model(model), atol=2e-6)
    shared = make_model(f"h = Gemm (x, w, c)\n {inner}\n a = Add (r, h)\n y = Gemm (a, v)",
                    extra=", float[2,2] v = {1.0, 2.0, -1.0, 0.5}")  # fmt: skip
    assert (
        operators_of(changes.fuse_inner_norms(shared)).count("BatchNormalization") == 1
    )  # its input is used elsewhere


def test_scores_are_shifted_by_what_was_asked() -> None:
    for weight, layer in LAYERS.values():
        model = make_model(f"{layer} y = Identity (s)", weight)
        plain = make_model(f"{layer.replace('s = ', 'y = ')}", weight)
        shifted = changes.shift_scores(plain, np.array([0.5, -2.0]))
        np.testing.assert_allclose(run_model(shifted), run_model(model) + np.array([0.5, -2.0]), atol=2e-6)
    with pytest.raises(
        SurgeryError, match="the scores come from BatchNormalization; a layer without a norm behind it is needed"
    ):
        changes.shift_scores(make_model(f"s = Gemm (x, w, c) {NORM} y = Softmax (n)"), np.array([0.5, -2.0]))
