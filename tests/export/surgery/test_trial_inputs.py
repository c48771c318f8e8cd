"""What graphs are tried on: inputs of the kind that they ask for, and the user's own."""

from pathlib import Path

import numpy as np
import onnx
import pytest

from export.errors import SurgeryError
from export.surgery.trial_inputs import Feeds, own_batches, random_batches
from tests.export.surgery.graphs import CONSTANTS, HEADER, NORM

END = f"s = Gemm (x, w, c) {NORM} y = Softmax (n)"


def _graph(inputs: str, body: str, extra: str = "") -> onnx.ModelProto:
    constants = CONSTANTS.format(weight="3,2") + extra
    return onnx.parser.parse_model(f"{HEADER} g ({inputs}) => (float[n,2] y) <{constants}> {{ {body} {END} }}")


def _runs(feeds: Feeds) -> str:
    return ""


def test_floating_point_inputs_come_at_several_scales() -> None:
    batches = random_batches(_graph("float[n,3] x", ""), _runs)
    sizes = [float(np.abs(feeds["x"]).max()) for feeds in batches]
    assert sizes[0] > 1
    assert min(sizes) < 0.05
    assert max(sizes) > 100
    assert all(feeds["x"].shape == (16, 3) for feeds in batches)


def test_images_of_bytes_are_bright_dark_and_flat() -> None:
    batches = random_batches(_graph("uint8[n,4,4,3] i", "x = Cast <to = 1> (i)"), _runs)
    assert max(int(feeds["i"].max()) for feeds in batches) == 255
    assert min(int(feeds["i"].max()) for feeds in batches) < 5
    assert any((feeds["i"] == feeds["i"][:, :1, :1, :1]).all() for feeds in batches)


def test_token_ids_stay_below_the_size_of_their_embedding_and_masks_are_zeros_and_ones() -> None:
    table = ", float[5,3] table = {1,2,3,4,5,6,7,8,9,10,11,12,13,14,15}, int64[1] one = {1}"
    body = "j = Cast <to = 7> (ids) e = Gather (table, j) x = ReduceMean <keepdims = 0> (e, one)"
    batches = random_batches(_graph("int32[n,t] ids, int64[n,t] attention_mask", body, table), _runs)
    assert max(int(feeds["ids"].max()) for feeds in batches) == 4
    assert {int(v) for feeds in batches for v in np.unique(feeds["attention_mask"])} == {0, 1}
    assert all(feeds["ids"].shape == feeds["attention_mask"].shape for feeds in batches)


def test_a_size_that_is_open_is_tried_until_one_runs() -> None:
    def only_three(feeds: Feeds) -> str:
        return "" if feeds["x"].shape[1] == 3 else "wrong size"

    assert random_batches(_graph("float[n,f] x", ""), only_three)[0]["x"].shape == (16, 3)
    with pytest.raises(
        SurgeryError, match=r"random inputs cannot be made for this graph \(no\); name your own: --inputs"
    ):
        random_batches(_graph("float[n,f] x", ""), lambda feeds: "no")


@pytest.mark.parametrize(
    ("size", "says"),
    [(10**12, "declares 3000000000000 values; up to 67108864 can be tried"), (-4, "declares a negative size: -4")],
)
def test_sizes_that_cannot_be_made_are_said(size: int, says: str) -> None:
    model = _graph("float[n,3] x", "")
    model.graph.input[0].type.tensor_type.shape.dim[0].dim_value = size
    with pytest.raises(SurgeryError, match=says):
        random_batches(model, _runs)


def test_a_fixed_batch_size_splits_the_users_inputs_and_repeats_random_ones(tmp_path: Path) -> None:
    model = _graph("float[1,3] x", "")
    np.savez(tmp_path / "own.npz", x=np.arange(12, dtype=np.float32).reshape(4, 3))
    batches = own_batches(model, [tmp_path / "own.npz", tmp_path / "own.npz"])
    assert [feeds["x"].tolist() for feeds in batches[:2]] == [[[0, 1, 2]], [[3, 4, 5]]]
    assert len(batches) == 8
    assert len(random_batches(model, _runs)) > 20


@pytest.mark.parametrize(
    ("arrays", "says"),
    [
        ({"z": np.zeros((4, 3))}, r"got arrays \['z'\]; the graph's inputs are \['x'\]"),
        ({"x": np.zeros((4, 2))}, r"'x' has the shape \(4, 2\); the graph takes \(n, 3\)"),
        ({"x": np.zeros((0, 3))}, "'x' has the shape"),
        ({"x": np.zeros((4, 3), complex)}, "'x' holds complex128; the graph takes float32"),
        ({"x": np.array([["a", "b", "c"]])}, "'x' holds <U1"),
    ],
    ids=["name", "shape", "empty", "complex", "text"],
)
def test_own_inputs_that_do_not_fit_are_said(arrays: dict[str, np.ndarray], says: str, tmp_path: Path) -> None:
    np.savez(tmp_path / "own.npz", **arrays)  # type: ignore[arg-type]
    with pytest.raises(SurgeryError, match=says):
        own_batches(_graph("float[n,3] x", ""), [tmp_path / "own.npz"])


def test_own_inputs_that_are_no_such_file_are_said(tmp_path: Path) -> None:
    (tmp_path / "text.npz").write_text("not zipped")
    np.save(tmp_path / "one.npy", np.zeros(3))
    np.savez(tmp_path / "objects.npz", x=np.array([{}]))
    for name in ("text.npz", "one.npy", "objects.npz", "missing.npz"):
        with pytest.raises(SurgeryError, match=r"not an \.npz file of numbers"):
            own_batches(_graph("float[n,3] x", ""), [tmp_path / name])
