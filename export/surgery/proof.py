"""Does a changed graph compute what its change claims? Compared on scores, before an activation hides a difference.

Three things together:
1. Everything outside the way from the last layer's input to the norm's output is byte for byte what it was.
2. That way, cut out of both graphs, gives the same scores on random features at scales from 0.01 to 100, and on
   features that favour each class in turn.
3. The whole graphs give the same scores on whole inputs, random ones or the user's.

How much may two scores differ? Both graphs add up the same terms rounded differently, so the error is bounded by the
size of the terms, not of their sum: (FACTOR + places / 2) u sum |terms|, u the unit roundoff of the type, places the
number of values that a mean behind the layer takes. The sum of absolute terms is computed too, by the same way with
absolute constants and features. Right folds needed 23 u at most where FACTOR is 64 (150,528 terms), in half precision
2 u, with a mean over 3,136 places 350 u. In float32 a score that is wrong by 0.1 % of the scores' spread is above.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from onnx import ModelProto, NodeProto, TensorProto

from export.errors import SurgeryError
from export.surgery.final_norm import FinalNorm, find
from export.surgery.graph import GraphView, read_for_shape
from export.surgery.trial_inputs import Feeds, own_batches, random_batches
from export.surgery.ways import (
    FEATURES,
    TINY,
    Runner,
    Value,
    cut_way,
    passed_over,
    random_features,
    sum_of_terms,
    way_nodes,
)

Claim = Literal["fold", "remove"]
ROUNDOFF: dict[int, float] = {TensorProto.FLOAT16: 2.0**-11, TensorProto.FLOAT: 2.0**-24, TensorProto.DOUBLE: 2.0**-53}
FACTOR: dict[int, float] = {TensorProto.FLOAT16: 4.0, TensorProto.FLOAT: 64.0, TensorProto.DOUBLE: 64.0}


@dataclass(frozen=True)
class Evidence:
    """What was compared, and how far apart the two graphs were.

    Attributes:
        inputs: "random" or "your".
        shapes: of the first batch.
        num_inputs, num_batches: whole inputs.
        num_left_out: batches on which the original itself gives NaN or infinity.
        num_features: rows of random features that the last layer was given directly.
        difference: largest one of the scores, relative to the largest score of its batch.
        excess: largest difference, relative to what rounding allows; at most 1.
        winners, classes: how many classes won somewhere, of how many.
        output_change: how far the first output is from the original's; of a fold, rounding.
        num_decisions, decisions_changed: on whole inputs, and how many of them the original makes otherwise.
    """

    inputs: str
    shapes: str
    num_inputs: int
    num_batches: int
    num_left_out: int
    num_features: int
    difference: float
    excess: float
    winners: int
    classes: int
    output_change: float
    num_decisions: int
    decisions_changed: int


def prove(model: ModelProto, changed: ModelProto, claim: Claim, own: Sequence[Path] = ()) -> Evidence:
    """Returns what was compared of a graph and its change, which claims to fold or to remove the final norm.

    Args:
        model: the original.
        changed: what became of it.
        claim: "fold": the scores stay; "remove": they are what the original's are with the norm passed over.
        own: .npz files with inputs to try instead of random ones.

    Raises:
        SurgeryError: the change is not what it claims, or the original cannot be run or is not finite.
    """
    final = find(model)
    _check_untouched(model, changed, final)
    kind = "your" if own else "random"
    scores = final.path.scores if final.scores_axis is not None else final.output
    axis = final.axis if final.scores_axis is None else final.scores_axis
    first_output = model.graph.output[0].name
    reference = model if claim == "fold" else passed_over(model, final.norm)
    parts = [part for part in final.folded if claim == "fold" or part not in final.norm]
    terms = Runner(sum_of_terms(reference, final, parts), [final.output])
    original = Runner(model, [final.output, final.layer.features, scores, first_output, final.layer.scores])
    passed_over_norm = None if claim == "fold" else Runner(reference, [final.output])
    got = Runner(changed, [final.output, scores, first_output])

    batches = own_batches(model, own) if own else random_batches(model, original.refusal)
    before = _finite(original, terms, batches, kind)
    roundoff = _roundoff(model, final, before[0][1][4].size / max(1, before[0][1][0].size))
    whole, way = Tally(), Tally()
    winners: set[int] = set()
    change, num_inputs, num_features = 0.0, 0, 0
    num_decisions, decisions_changed = 0, 0
    for feeds, values, sizes in before:
        after = got.run(feeds)
        expected = values[0] if passed_over_norm is None else passed_over_norm.run(feeds)[0]
        whole.add(expected, after[0], sizes * roundoff)
        decided = decisions(values[2], axis)
        winners |= set(decided.ravel().tolist())
        num_decisions += decided.size
        decisions_changed += int((decided != decisions(after[1], axis)).sum())
        change = max(change, _apart(values[3], after[2]))
        num_inputs += max((value.shape[0] for value in feeds.values() if value.ndim), default=1)

    first_feeds, (_, first_features, *_), _ = before[0]
    ways = [Runner(cut_way(graph, final), [final.output]) for graph in (reference, changed)]
    for features in random_features(GraphView(model), final, first_features):
        feeds = {**first_feeds, FEATURES: features}
        should, is_now, sizes = (runner.run(feeds)[0] for runner in (*ways, terms))
        if np.isfinite(should).all() and np.isfinite(sizes).all():
            way.add(should, is_now, (np.abs(sizes.astype(np.float64)) + TINY) * roundoff)
            winners |= set(decisions(should, final.axis).ravel().tolist())
            num_features += features.shape[0] if features.ndim else 1
    for tally, place in ((whole, f"{kind} inputs"), (way, "random features before its last layer")):
        if not tally.excess <= 1:
            raise SurgeryError(
                f"the changed graph is off by {tally.difference:.1e} of the scores' size on {place}: "
                f"{tally.excess:.3g} times what rounding allows"
            )
    return Evidence(
        inputs=kind,
        shapes=", ".join("x".join(map(str, value.shape)) for value in before[0][0].values()),
        num_inputs=num_inputs,
        num_batches=len(before),
        num_left_out=len(batches) - len(before),
        num_features=num_features,
        difference=max(whole.difference, way.difference),
        excess=max(whole.excess, way.excess),
        winners=len(winners),
        classes=max(final.layer.classes, 2),
        output_change=change,
        num_decisions=num_decisions,
        decisions_changed=decisions_changed,
    )


@dataclass
class Tally:
    """How far scores were from what they should be: relative to their size, and to what rounding allows."""

    difference: float = 0.0
    excess: float = 0.0

    def add(self, expected: Value, got: Value, allowed: Value) -> None:
        """Compares the scores of one batch."""
        if expected.shape != got.shape:
            raise SurgeryError(f"the changed graph gives scores of shape {got.shape}, not {expected.shape}")
        with np.errstate(all="ignore"):
            apart = np.abs(got.astype(np.float64) - expected)
            apart = np.where(np.isfinite(apart), apart, np.inf)
            largest = max(float(np.abs(expected.astype(np.float64)).max(initial=0)), TINY)
            self.difference = max(self.difference, float(apart.max(initial=0)) / largest)
            self.excess = max(self.excess, float((apart / allowed).max(initial=0)))


def decisions(scores: Value, axis: int) -> Value:
    """Returns the class that each place decides for; of one score, whether it is above zero."""
    return scores.argmax(axis) if scores.shape[axis] > 1 else (scores > 0).astype(np.int64).squeeze(axis)


def _finite(
    original: Runner, terms: Runner, batches: Sequence[Feeds], kind: str
) -> list[tuple[Feeds, list[Value], Value]]:
    """Returns the batches on which the original is finite, with its values and the sizes of their terms.

    Random inputs are at the usual scale first: where the original has no answer there, it is not for such inputs.
    """
    finite: list[tuple[Feeds, list[Value], Value]] = []
    for feeds in batches:
        values = original.run(feeds)
        if not finite and not _same(values[0], original.run(feeds)[0]):
            raise SurgeryError(
                "the original itself gives other scores each time on the same inputs: it draws random numbers, so that "
                "no change of it can be proved"
            )
        sizes = terms.run({**feeds, FEATURES: values[1]})[0]
        if all(np.isfinite(value).all() for value in (*values[:2], sizes)):
            finite.append((feeds, values, np.abs(sizes.astype(np.float64)) + TINY))
    if finite and (kind == "your" or finite[0][0] is batches[0]):
        return finite
    shapes = ", ".join(f"{name} {'x'.join(map(str, value.shape))}" for name, value in batches[0].items())
    raise SurgeryError(
        f"the original itself gives NaN or infinite scores on {kind} inputs ({shapes}); "
        "name inputs that it is made for: --inputs FILE.npz"
    )


def _check_untouched(model: ModelProto, changed: ModelProto, final: FinalNorm) -> None:
    """Raises SurgeryError where anything but the way from the last layer's input to the norm's output was changed."""
    problem = None
    if list(model.graph.output) != list(changed.graph.output):
        problem = "its outputs"
    before, after = ({value.name: value for value in graph.input} for graph in (model.graph, changed.graph))
    fed = [name for name in before if name not in {tensor.name for tensor in model.graph.initializer}]
    if any(after.get(name) != before[name] for name in fed):
        problem = "its inputs"
    constants = {tensor.name: tensor for tensor in model.graph.initializer}
    if any(tensor != constants.get(tensor.name, tensor) for tensor in changed.graph.initializer):
        problem = "a constant under its old name"
    old, new = (_outside(graph, final) for graph in (model, changed))
    if new - old or any(node for node in (old - new).elements() if not _is_leftover(node, changed)):
        problem = "nodes outside the way from the last layer to its norm"
    if list(model.functions) != list(changed.functions) or list(model.opset_import) != list(changed.opset_import):
        problem = "its functions or operator versions"
    if problem:
        raise SurgeryError(f"the changed graph is another one: {problem} changed")


def _outside(model: ModelProto, final: FinalNorm) -> "Counter[bytes]":
    """Returns the nodes, byte for byte, that are not on the way from the last layer's input to the norm's output."""
    way = {node.output[0] for node in way_nodes(model, final)}
    behind = {part.data: part.node.output[0] for part in final.folded}  # of one shape and type: readers of these move
    nodes = []
    for node in model.graph.node:
        if not way & set(node.output):
            node = NodeProto.FromString(node.SerializeToString())
            for_shape = read_for_shape(node)
            node.input[:] = [_last(name, behind) if name in for_shape else name for name in node.input]
            nodes.append(node)
    return Counter(node.SerializeToString() for node in nodes)


def _last(name: str, behind: Mapping[str, str]) -> str:
    while name in behind:
        name = behind[name]
    return name


def _is_leftover(content: bytes, changed: ModelProto) -> bool:
    """Whether a node that is gone only made values that nothing in the changed graph uses."""
    return not set(NodeProto.FromString(content).output) & GraphView(changed).uses.keys()


def _roundoff(model: ModelProto, final: FinalNorm, places: float) -> float:
    """Returns by how much a score may differ, relative to its terms: for the coarsest type on the way."""
    view = GraphView(model)
    names = [final.layer.node.input[1], *(name for node in way_nodes(model, final) for name in node.output)]
    kinds = {view.element_type(name) for name in names if name} & ROUNDOFF.keys() or {int(TensorProto.FLOAT)}
    sums = min(ROUNDOFF[kind] for kind in (*kinds, int(TensorProto.FLOAT)))  # half precision is added up in float32
    return max(FACTOR[kind] * ROUNDOFF[kind] for kind in kinds) + (places - 1) / 2 * sums


def _same(one: Value, other: Value) -> bool:
    """Whether two runs of one graph gave the same, up to the order in which threads add up."""
    return one.shape == other.shape and np.allclose(one, other, rtol=1e-3, atol=1e-6, equal_nan=True)


def _apart(one: Value, other: Value) -> float:
    """Returns the largest difference of two outputs; infinite where one is not a number and the other is."""
    if one.shape != other.shape or one.dtype.kind not in "fiub":
        return float("inf")
    with np.errstate(all="ignore"):
        apart = np.abs(one.astype(np.float64) - other.astype(np.float64))
    return float(np.where(one == other, 0, apart).max(initial=0))
