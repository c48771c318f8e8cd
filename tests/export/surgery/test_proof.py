"""The proof: what hides a wrong fold from a comparison of outputs must not hide it from a comparison of scores."""

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import numpy_helper

from export.errors import SurgeryError
from export.surgery import changes
from export.surgery.proof import prove
from tests.export.surgery.graphs import CONSTANTS, HEADER, NORM, make_model

IMAGES = "uint8[n,8,8,3] img"


def _saturated_model() -> onnx.ModelProto:
    """Bytes without scaling: scores of some thousands, probabilities of 0 and 1."""
    body = f"f = Cast <to = 1> (img) x = Flatten (f) s = Gemm (x, w, c) {NORM} y = Softmax (n)"
    model: onnx.ModelProto = onnx.parser.parse_model(
        f"{HEADER} g ({IMAGES}) => (float[n,2] y) <{CONSTANTS.format(weight='3,2')}> {{ {body} }}"
    )
    weight = np.random.default_rng(0).normal(size=(192, 2)).astype(np.float32)
    next(c for c in model.graph.initializer if c.name == "w").CopyFrom(numpy_helper.from_array(weight, "w"))
    return model


def _scaled(model: onnx.ModelProto, ending: str, factor: float) -> onnx.ModelProto:
    """Returns a copy with one class of a constant multiplied."""
    changed: onnx.ModelProto = onnx.ModelProto.FromString(model.SerializeToString())
    constant = next(c for c in changed.graph.initializer if c.name.endswith(ending))
    value = numpy_helper.to_array(constant).copy()
    value[..., 1] *= factor
    constant.CopyFrom(numpy_helper.from_array(value, constant.name))
    return changed


@pytest.mark.parametrize("ending", [".folded", ".folded_bias"])
@pytest.mark.parametrize("factor", [1.01, 0.999])
def test_a_wrong_fold_behind_a_saturated_softmax_is_refused(ending: str, factor: float) -> None:
    model = _saturated_model()
    folded = changes.fold(model)
    evidence = prove(model, folded, "fold")
    assert (evidence.winners, evidence.classes, evidence.decisions_changed) == (2, 2, 0)
    with pytest.raises(SurgeryError, match=r"off by .* of the scores' size on .* times what rounding allows"):
        prove(model, _scaled(folded, ending, factor), "fold")


def test_a_weight_that_random_inputs_do_not_reach_is_compared_too() -> None:
    """The layer's features are all zero on any input: only features given to it directly show its weights."""
    model = make_model(f"a = Abs (x) b = Neg (a) h = Relu (b) s = Gemm (h, w, c) {NORM} y = Softmax (n)")
    folded = changes.fold(model)
    assert prove(model, folded, "fold").difference < 1e-6
    with pytest.raises(SurgeryError, match="on random features before its last layer"):
        prove(model, _scaled(folded, ".folded", 1.001), "fold")


def test_a_change_beside_the_way_is_refused() -> None:
    model = make_model(f"h = Relu (x) s = Gemm (h, w, c) {NORM} y = Softmax (n)")
    folded = changes.fold(model)
    for node, kind in (("h", "Sigmoid"), ("y", "Sigmoid")):
        wrong = onnx.ModelProto.FromString(folded.SerializeToString())
        next(n for n in wrong.graph.node if node in n.output).op_type = kind
        with pytest.raises(SurgeryError, match="nodes outside the way from the last layer to its norm changed"):
            prove(model, wrong, "fold")
    with pytest.raises(SurgeryError, match="times what rounding allows"):
        prove(model, changes.remove(model), "fold")
    with pytest.raises(SurgeryError, match="times what rounding allows"):
        prove(model, folded, "remove")


def test_nan_of_the_original_is_said_of_the_original(tmp_path: Path) -> None:
    model = make_model(f"l = Log (x) s = Gemm (l, w, c) {NORM} y = Softmax (n)")
    folded = changes.fold(model)
    with pytest.raises(
        SurgeryError, match=r"the original itself gives NaN .* on random inputs \(x 16x3\).*--inputs FILE"
    ):
        prove(model, folded, "fold")
    np.savez(tmp_path / "own.npz", x=np.random.default_rng(0).uniform(1, 2, (32, 3)).astype(np.float32))
    evidence = prove(model, folded, "fold", [tmp_path / "own.npz"])
    assert (evidence.inputs, evidence.num_inputs, evidence.num_left_out) == ("your", 32, 0)
    np.savez(tmp_path / "negative.npz", x=-np.ones((4, 3), np.float32))
    evidence = prove(model, folded, "fold", [tmp_path / "own.npz", tmp_path / "negative.npz"])
    assert (evidence.num_inputs, evidence.num_left_out) == (32, 1)
    with pytest.raises(SurgeryError, match="times what rounding allows"):
        prove(model, _scaled(folded, ".folded", 1.001), "fold", [tmp_path / "own.npz"])


def test_constants_that_half_precision_cannot_hold_are_said() -> None:
    model = make_model(f"s = Gemm (x, w, c) {NORM} y = Softmax (n)")
    model.graph.input[0].type.tensor_type.elem_type = model.graph.output[0].type.tensor_type.elem_type = 10
    for constant in model.graph.initializer:
        value = numpy_helper.to_array(constant).astype(np.float16)
        if constant.name == "gamma":
            value *= np.float16(40000)
        constant.CopyFrom(numpy_helper.from_array(value, constant.name))
    with pytest.raises(SurgeryError, match=r"the folded constants overflow float16 \(largest: 1.2e\+05\)"):
        changes.fold(model)


def test_removing_is_compared_with_the_scores_before_the_norm() -> None:
    model = make_model(f"s = Gemm (x, w, c) {NORM} y = Softmax (n)")
    evidence = prove(model, changes.remove(model), "remove")
    assert evidence.difference == 0
    assert evidence.output_change > 0.1
    assert 0 < evidence.decisions_changed <= evidence.num_decisions == evidence.num_inputs == 96
