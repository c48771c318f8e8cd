"""The proof on random graphs of every supported shape: right folds pass, wrong ones are refused, all of them.

FINALBN_WRONG_FOLDS=1000 tries more than the 200 of every run.
"""

import os

import numpy as np
import onnx
import pytest

from export.errors import SurgeryError
from export.surgery.changes import fold
from export.surgery.final_norm import find
from export.surgery.proof import prove
from export.surgery.ways import Runner
from tests.export.surgery.random_graphs import WRONG, random_model, wrong_fold

WANTED = int(os.environ.get("FINALBN_WRONG_FOLDS", "200"))
SMALLEST = 1e-3  # of the scores' spread: what a wrong fold changes some score by


def _largest_change(model: onnx.ModelProto, changed: onnx.ModelProto, rng: np.random.Generator) -> float:
    """Returns by how much a change moves any score, relative to the spread of the scores, on inputs of its own."""
    output = find(model).output
    shape = [64 if dim.dim_param else dim.dim_value for dim in model.graph.input[0].type.tensor_type.shape.dim]
    feeds = {"x": rng.normal(size=shape).astype(np.float32)}
    before, now = (Runner(graph, [output]).run(feeds)[0] for graph in (model, changed))
    return float(np.abs(now - before).max() / (before.max() - before.min()))


@pytest.mark.timeout(900)
@pytest.mark.parametrize("kind", WRONG)
def test_right_folds_pass_and_wrong_ones_are_refused(kind: str) -> None:
    first = 10_000 * WRONG.index(kind)
    rng = np.random.default_rng(first)
    wanted = -(-WANTED // len(WRONG))
    wrong = right = 0
    passed: list[str] = []
    for seed in range(first, first + 10_000):
        model = random_model(np.random.default_rng(seed))
        if kind == "epsilon" and all(node.op_type != "BatchNormalization" for node in model.graph.node):
            continue
        if right < wanted:
            right += 1
            assert prove(model, fold(model), "fold").decisions_changed == 0, model.graph.name
        changed = wrong_fold(model, kind, np.random.default_rng(seed))
        if _largest_change(model, changed, rng) <= SMALLEST:
            continue
        wrong += 1
        try:
            prove(model, changed, "fold")
            passed.append(f"{model.graph.name} (seed {seed})")
        except SurgeryError as error:
            assert "times what rounding allows" in str(error)
        if wrong == wanted:
            break
    print(f"{right} right folds passed, {wrong - len(passed)} of {wrong} wrong ones refused: {kind}")
    assert wrong == wanted
    assert not passed
