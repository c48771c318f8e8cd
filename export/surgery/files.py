"""One ONNX file in, one out: reads, changes its final norm, proves the change, writes."""

import os
import stat
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

import onnx
from onnx import ModelProto

from export.errors import SurgeryError
from export.surgery.final_norm import find
from export.surgery.graph import FREE_CONSTANTS, copy_model, sort_nodes
from export.surgery.proof import Claim, Evidence, prove
from export.surgery.trial_inputs import graph_inputs
from trainables.common import first_line

KINDS = {stat.S_ISDIR: "a folder", stat.S_ISLNK: "a link", stat.S_ISFIFO: "a FIFO", stat.S_ISSOCK: "a socket"}


def rewrite(
    change: Callable[[ModelProto], ModelProto], source: Path, target: Path, claim: Claim, inputs: Sequence[Path] = ()
) -> str:
    """Writes the changed file and returns a line on what was done; nothing is written where anything is wrong.

    Args:
        change: makes the changed graph.
        source: file.
        target: file; one that is there is replaced, if it is a plain file.
        claim: what the change does, and so what is proved: "fold" keeps the scores, "remove" passes the norm over.
        inputs: .npz files to prove it on, instead of random inputs.

    Raises:
        SurgeryError: a file that cannot be read or is no ONNX model, a graph without a final norm to work on, a changed
            graph that does not compute what it should, a target that cannot be written.
    """
    check_target(target)
    model = read(source)
    try:
        graph_inputs(model)  # says at once what no input can be made for
        changed = change(model)
        evidence = prove(model, changed, claim, inputs)
    except (onnx.checker.ValidationError, onnx.shape_inference.InferenceError) as error:
        raise SurgeryError(f"{source}: the changed graph is not valid: {first_line(error)}") from error
    except SurgeryError as error:
        raise SurgeryError(f"{source}: {error}") from error
    except (MemoryError, RecursionError) as error:
        raise SurgeryError(f"{source}: the graph takes too much memory or nests too deep") from error
    changed = copy_model(changed)
    _tell_variant(changed, claim)
    write(changed, target)
    final = find(model)
    kind = "BatchNormalization" if final.norm[-1].is_norm else "norm written in parts"
    done = f"folded into {final.layer.node.op_type}" if claim == "fold" else "removed"
    nodes = len(model.graph.node) - len(changed.graph.node)
    fewer = f"{nodes} {'node' if nodes == 1 else 'nodes'} fewer"
    return f"{target}: {kind} {done}, {fewer}{_lost_inputs(model, changed)}; {_as_words(evidence, claim)}"


def read(path: Path) -> ModelProto:
    """Returns an ONNX model with its external data, which has to lie in the file's own folder; its nodes in order."""
    try:
        if not stat.S_ISREG(path.stat().st_mode):
            raise SurgeryError(f"{path}: {'Is a directory' if os.path.isdir(path) else 'not a plain file'}")
        model = onnx.load(path)
        sort_nodes(model)
        onnx.checker.check_model(model)
    except SurgeryError:
        raise
    except OSError as error:
        raise SurgeryError(f"{path}: {error.strerror or error}") from error
    except Exception as error:  # protobuf and the checker raise what they like
        raise SurgeryError(f"{path}: not a whole ONNX model ({first_line(error)})") from error
    if not model.graph.node:
        raise SurgeryError(f"{path}: not an ONNX model, or one without nodes")
    return model


def check_target(target: Path) -> None:
    """Raises SurgeryError where something other than a plain file lies where one is to be written."""
    if not target.name:
        raise SurgeryError(f"{target} is a folder; a file is to be written")
    try:
        mode = target.lstat().st_mode
    except FileNotFoundError:
        return
    except (OSError, ValueError) as error:
        raise SurgeryError(f"{target} cannot be written: {getattr(error, 'strerror', error)}") from error
    if not stat.S_ISREG(mode):
        kind = next((name for is_kind, name in KINDS.items() if is_kind(mode)), "a device")
        raise SurgeryError(f"{target} is {kind}; a file is to be written")


def write(model: ModelProto, target: Path) -> None:
    """Writes a model whole or not at all; raises SurgeryError where that cannot be done."""
    part = part_of(target, os.getpid())
    try:
        content = model.SerializeToString()
        target.parent.mkdir(parents=True, exist_ok=True)
        part.write_bytes(content)
        check_target(target)
        part.replace(target)
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else first_line(error)
        raise SurgeryError(f"{target} cannot be written: {reason}") from error
    finally:
        with suppress(OSError):
            part.unlink()


def part_of(target: Path, process: int) -> Path:
    """Returns the name of a file that a process has not written whole yet."""
    return target.with_name(f".{target.name}.{process}.part")


def _tell_variant(model: ModelProto, claim: Claim) -> None:
    """Makes the metadata true: which variant this is, nothing measured of a file that decides otherwise."""
    measured = ("test_f1", "target", "threshold", "operating_point")
    untrue = ("variant",) if claim == "fold" else ("variant", *measured)
    for entry in [entry for entry in model.metadata_props if entry.key in untrue]:
        model.metadata_props.remove(entry)
    model.metadata_props.add(key="variant", value=claim)


def _lost_inputs(model: ModelProto, changed: ModelProto) -> str:
    """Returns which inputs with a value of their own, which a caller may feed, are constants now."""
    left = {value.name for value in changed.graph.input}
    lost = [value.name for value in model.graph.input if value.name not in left]
    if not lost or model.ir_version < FREE_CONSTANTS:  # every constant of an old file is an input too
        return ""
    return f", inputs that were optional are constants now: {', '.join(lost)}"


def _as_words(evidence: Evidence, claim: Claim) -> str:
    batches = f"{evidence.num_batches} {'batch' if evidence.num_batches == 1 else 'batches'}"
    if evidence.num_left_out:
        batches += f", {evidence.num_left_out} more left out: the original is not finite there"
    inputs = "random inputs" if evidence.inputs == "random" else "inputs of yours"
    tried = f"on {evidence.num_inputs} {inputs} ({evidence.shapes}; {batches})"
    features = f"{evidence.num_features} random features of the last layer"
    rounding = f"{evidence.difference:.1e} of their size ({evidence.excess:.0%} of what rounding allows)"
    decided = f"{evidence.decisions_changed} of {evidence.num_decisions} decisions"
    if claim == "fold":
        ties = ", all of them ties within rounding" if evidence.decisions_changed else ""
        won = f"{evidence.winners} of {evidence.classes} classes won somewhere"
        return f"{tried} and {features}, scores differ by at most {rounding}, {decided} changed{ties}; {won}"
    return (
        f"{tried}, outputs change by up to {evidence.output_change:.3g} and {decided} change: measure the file before "
        f"use; there and on {features}, its scores are the original's before the norm to {rounding}"
    )
