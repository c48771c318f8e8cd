"""What a graph is tried on: random inputs of the kind that it asks for, at several scales, or the user's own.

Floating-point inputs are normal at five scales and uniform once; images of bytes are bright, dark, flat; token ids stay
below the size of the embedding that they go to; masks are zeros and ones. A size that the graph leaves open is tried
until one runs. The graph's own first reader often says it: the sizes of its constants are tried too.
"""

import math
import os
import zipfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
from onnx import ModelProto, TensorProto, ValueInfoProto

from export.errors import SurgeryError
from export.surgery.graph import GraphView, attribute, operator
from export.surgery.nodes import MOVING, constant_or_none
from trainables.common import first_line

Feeds = dict[str, npt.NDArray[Any]]
USUAL = 1.0  # the scale at which an original has to give finite scores
SCALES = (USUAL, 0.01, 0.1, 10.0, 100.0)
UNIFORM = 0.0  # stands for values between 0 and 1
ROWS, FEW_ROWS = 16, 4  # inputs in a batch, and of large ones
LARGE = 20_000  # values of one input
MOST_VALUES = 2**26  # of one batch of one input
SIZES = (16, 64, 224)  # tried for a size that the graph leaves open
MOST_TRIES = 60
IMAGES, CHANNELS = 4, 3  # axes of a batch of images; the channels tried where they are left open
BOUNDS = (256, 2)  # whole numbers are tried below these, where no embedding says its size


@dataclass(frozen=True)
class GraphInput:
    """One input that the graph has to be given: sizes are numbers, or the name that the graph gives an open one."""

    name: str
    dtype: np.dtype[Any]
    sizes: tuple[int | str, ...]
    bound: int | None  # whole numbers stay below it


def graph_inputs(model: ModelProto) -> list[GraphInput]:
    """Returns what the graph has to be given; raises SurgeryError for what no array can be."""
    view = GraphView(model)
    return [_graph_input(view, value) for value in model.graph.input if value.name in view.inputs]


def random_batches(model: ModelProto, runs: Callable[[Feeds], str]) -> list[Feeds]:
    """Returns batches that the graph takes, the usual one first.

    Args:
        model: the graph.
        runs: tries a batch; returns why it does not run, "" where it does.

    Raises:
        SurgeryError: no size was found that the graph runs at, or its inputs cannot be made at random.
    """
    inputs, reason = graph_inputs(model), "no size was tried"
    for size, bound in _tries(model, inputs):
        sizes = _chosen_sizes(inputs, size)
        reason = runs(_draw(inputs, sizes, bound, USUAL, 0))
        if not reason:
            break
    else:
        raise SurgeryError(f"random inputs cannot be made for this graph ({reason}); name your own: --inputs FILE.npz")
    rows = max((shape[0] for shape in sizes.values() if shape), default=1)
    large = any(math.prod(shape[1:]) > LARGE for shape in sizes.values())
    repeats = 1 if large else max(1, min(8, ROWS // rows))
    scales = (*SCALES, UNIFORM)
    return [_draw(inputs, sizes, bound, scale, k) for scale in scales for k in range(repeats)]


def own_batches(model: ModelProto, paths: Sequence[Path]) -> list[Feeds]:
    """Returns the batches of .npz files, each with one array per graph input; a fixed batch size splits them."""
    inputs = graph_inputs(model)
    return [feeds for path in paths for feeds in _from_file(inputs, path)]


def _graph_input(view: GraphView, value: ValueInfoProto) -> GraphInput:
    if not value.type.HasField("tensor_type"):
        raise SurgeryError(f"graph input {value.name!r} is no tensor")
    kind = value.type.tensor_type
    if kind.elem_type in (TensorProto.UNDEFINED, TensorProto.STRING):
        raise SurgeryError(f"graph input {value.name!r} holds no numbers")
    sizes: list[int | str] = []
    for i, dim in enumerate(kind.shape.dim):
        if dim.HasField("dim_value") and dim.dim_value < 0:
            raise SurgeryError(f"graph input {value.name!r} declares a negative size: {dim.dim_value}")
        sizes.append(dim.dim_value if dim.HasField("dim_value") else dim.dim_param or f"{value.name}/{i}")
    count = math.prod(size for size in sizes if isinstance(size, int))
    if not count:
        raise SurgeryError(f"graph input {value.name!r} declares a size of 0: nothing can be tried")
    if count > MOST_VALUES:
        raise SurgeryError(f"graph input {value.name!r} declares {count} values; up to {MOST_VALUES} can be tried")
    dtype = np.dtype(onnx.helper.tensor_dtype_to_np_dtype(kind.elem_type))
    bound = None
    if np.issubdtype(dtype, np.integer):
        bound = 2 if "mask" in value.name.lower() else _vocabulary(view, value.name)
    return GraphInput(value.name, dtype, tuple(sizes), bound)


def _vocabulary(view: GraphView, name: str) -> int | None:
    """Returns the size of the smallest embedding that an input chooses rows of, None where there is none."""
    names, bounds = {name}, []
    for node in view.model.graph.node:
        if operator(node) == "Gather" and len(node.input) > 1 and node.input[1] in names:
            table = constant_or_none(view, node.input[0])
            axis = int(attribute(node, "axis", 0))
            if table is not None and table.ndim > axis:
                bounds.append(table.shape[axis])
        elif operator(node) in MOVING and node.input and node.input[0] in names:
            names |= set(node.output)
    return min(bounds, default=None)


def _tries(model: ModelProto, inputs: Sequence[GraphInput]) -> Iterator[tuple[int, int]]:
    """Yields an open size and a bound for whole numbers, the likely ones first."""
    shapes = {size for tensor in model.graph.initializer for size in tensor.dims if 0 < size <= 4096}
    sizes = dict.fromkeys([*SIZES, *sorted(shapes)])
    bounds = BOUNDS if any(i.bound is None and np.issubdtype(i.dtype, np.integer) for i in inputs) else BOUNDS[:1]
    yield from [(size, bound) for size in sizes for bound in bounds][:MOST_TRIES]


def _chosen_sizes(inputs: Sequence[GraphInput], size: int) -> dict[str, tuple[int, ...]]:
    """Returns a shape for each input; sizes of one name are equal, the open first one is the batch."""
    named: dict[str, int] = {}
    for item in inputs:
        large = math.prod(s if isinstance(s, int) else size for s in item.sizes[1:]) > LARGE
        for i, open_size in enumerate(item.sizes):
            if isinstance(open_size, int):
                continue
            chosen = (FEW_ROWS if large else ROWS) if i == 0 else size
            if i == 1 and len(item.sizes) == IMAGES and item.sizes[-1] not in (1, CHANNELS):
                chosen = CHANNELS
            named.setdefault(open_size, chosen)
    return {i.name: tuple(s if isinstance(s, int) else named[s] for s in i.sizes) for i in inputs}


def _draw(
    inputs: Sequence[GraphInput], shapes: dict[str, tuple[int, ...]], bound: int, scale: float, repeat: int
) -> Feeds:
    rng = np.random.default_rng([repeat, int(scale * 100)])
    return {item.name: _values(item, shapes[item.name], item.bound or bound, scale, rng) for item in inputs}


def _values(
    item: GraphInput, shape: tuple[int, ...], bound: int, scale: float, rng: np.random.Generator
) -> npt.NDArray[Any]:
    if math.prod(shape) > MOST_VALUES:
        raise SurgeryError(f"graph input {item.name!r} takes {math.prod(shape)} values; {MOST_VALUES} can be tried")
    if item.dtype == np.bool_:
        return rng.random(shape) < 0.7
    if not np.issubdtype(item.dtype, np.integer):
        drawn = rng.random(shape) if scale == UNIFORM else rng.normal(size=shape) * scale
        return drawn.astype(item.dtype)
    if bound == 2 and scale == USUAL:
        return np.ones(shape, item.dtype)  # a mask that covers nothing
    top = max(2, min(bound, np.iinfo(item.dtype).max + 1))
    if scale < USUAL:
        top = max(2, round(top * max(scale, 0.3 if scale == UNIFORM else 0.01)))
    flat = tuple(size if i == 0 else 1 for i, size in enumerate(shape)) if scale > USUAL else shape
    return np.broadcast_to(rng.integers(0, top, flat), shape).astype(item.dtype)


def _from_file(inputs: Sequence[GraphInput], path: Path) -> Iterator[Feeds]:
    if os.path.exists(path) and not os.path.isfile(path):
        raise SurgeryError(f"{path}: not a plain file")
    try:
        with path.open("rb") as content, np.load(content, allow_pickle=False) as file:
            arrays = {name: file[name] for name in file.files}
    except (OSError, ValueError, TypeError, EOFError, KeyError, zipfile.BadZipFile) as error:
        raise SurgeryError(f"{path}: not an .npz file of numbers ({first_line(error)})") from error
    names = [item.name for item in inputs]
    if set(arrays) != set(names):
        raise SurgeryError(f"{path}: got arrays {sorted(arrays)}; the graph's inputs are {names}")
    feeds = {item.name: _fitting(item, arrays[item.name], path) for item in inputs}
    fixed = {item.sizes[0] for item in inputs if item.sizes and isinstance(item.sizes[0], int)}
    rows = {array.shape[0] for array in feeds.values() if array.ndim}
    if len(fixed) == 1 and rows and rows != fixed:
        (size,) = fixed
        assert isinstance(size, int)
        if len(rows) > 1 or size < 1 or rows.copy().pop() % size:
            raise SurgeryError(f"{path}: got {sorted(rows)} rows; the graph takes {size} at a time")
        for i in range(0, rows.pop(), size):
            yield {name: array[i : i + size] for name, array in feeds.items()}
    else:
        yield feeds


def _fitting(item: GraphInput, array: npt.NDArray[Any], path: Path) -> npt.NDArray[Any]:
    """Returns an array in the input's type; SurgeryError where its shape or kind is another."""
    wrong = [i for i, (size, got) in enumerate(zip(item.sizes, array.shape, strict=False)) if i and size not in (got,)
             and isinstance(size, int)]  # fmt: skip
    if array.ndim != len(item.sizes) or wrong or not array.size:
        allowed = ", ".join(map(str, item.sizes))
        raise SurgeryError(f"{path}: {item.name!r} has the shape {array.shape}; the graph takes ({allowed})")
    if not np.can_cast(array.dtype, item.dtype, "same_kind"):
        raise SurgeryError(f"{path}: {item.name!r} holds {array.dtype}; the graph takes {item.dtype}")
    return array.astype(item.dtype)
