"""A run with a final norm and its control -> ONNX files, never confused.

keep    the norm is a node of the graph
fold    the norm is inside the dense layer: exact, free
remove  the norm is gone: H1 of K21, an empirical claim with its own measured F1
none    the control, trained without it

Of fold, remove and none there is a recalibrated one each: the scores are shifted so that argmax decides at the
threshold that validation chooses for the best F1; with a target, also one for that. Of fold and none there are also
fp16 and int8, which are approximate.
"""

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import onnx
import torch

from export.conversion import DEFAULT_FORM, REDUCED, RESIZE, GraphForm, difference_to_pillow, to_onnx, with_resize
from export.errors import ExportMismatchError
from export.runs.files import json_ready, replacing
from export.runs.names import EXACT, FOLD, KEEP, NONE, REMOVE
from export.runs.reduced import reduced_model
from export.runs.thresholds import Threshold, thresholds_of
from export.runs.trained_network import TrainedRun, probabilities, read_run
from export.surgery import copy_model, fold, remove, shift_scores
from export.verification import Probabilities, Verification, verify
from trainables.configuration import SMALL_NETWORKS
from trainables.data import Images
from trainables.evaluation import Target
from trainables.networks import shared_weights_name
from trainables.storage import WEIGHTS, Record, RunFolder

MakeVariant = Callable[[onnx.ModelProto], onnx.ModelProto]
NO_F1 = "trained on every image, so that none is left to tell its F1"
SURGERY: Mapping[str, MakeVariant] = {KEEP: copy_model, FOLD: fold, REMOVE: remove}


@dataclass(frozen=True)
class _Exact:
    """A float32 variant: its graph, the probabilities that PyTorch gives, and the threshold that its scores hold."""

    name: str
    model: onnx.ModelProto
    reference: Probabilities
    threshold: Threshold | None = None


@dataclass(frozen=True)
class Exported:
    """The files of one run, what each was measured to do, and what its metadata say."""

    record: Record
    files: dict[str, Path]
    verifications: dict[str, Verification]
    metadata: dict[str, dict[str, str]] = field(default_factory=dict)

    def as_data(self) -> dict[str, Any]:
        """Returns what was measured as plain data for JSON."""
        variants = {
            name: {**asdict(measured), "deployable": measured.deployable}
            for name, measured in self.verifications.items()
        }
        identity = {name: getattr(self.record, name) for name in ("study", "arm", "key", "seed")}
        return {**identity, "variants": json_ready(variants)}


def export_run(
    record: Record,
    folder: RunFolder,
    images: Images,
    output: Path,
    reduced: bool = True,
    thorough: int | None = None,
    form: GraphForm = DEFAULT_FORM,
    target: Target | None = None,
    thresholds: Sequence[Threshold] | None = None,
) -> Exported:
    """Writes `<output>/<variant>.onnx` of a run, measures each, and writes `verification.json`: all of it or nothing.

    Args:
        record: a complete run.
        folder: where its weights lie.
        images: its data set.
        output: folder for the files; made if it does not exist.
        reduced: fp16 and int8 too, and for large networks every optimisation level and batch size.
        thorough: how many test images of a large network run at every level and batch size; None is all.
        form: what the device asks of the graphs.
        target: what the threshold of further files is chosen for; there are none where it cannot be reached.
        thresholds: to take instead of those that the run's validation images choose; None for those.

    Raises:
        ExportMismatchError: a file differs from its PyTorch network, or the network from what was recorded.
        ExportError: a converter cannot take the network.
        RecordError: weights or predictions are damaged.
        OSError: the files cannot be written.
    """
    run = read_run(record, folder, images)
    graph = to_onnx(run.network, images.shape, _metadata(run, folder, form, images.shape), form)
    if run.configuration.network.name in SMALL_NETWORKS:
        thorough = None
    elif not reduced:
        thorough = 0
    verifications: dict[str, Verification] = {}
    metadata: dict[str, dict[str, str]] = {}

    def add(variant: str, model: onnx.ModelProto, reference: Probabilities, threshold: Threshold | None = None) -> None:
        """Measures a model, and only then writes it; an exact one that is not what it should be is refused."""
        if form.resize_inside:
            model = with_resize(copy_model(model))
        before = run.test.trained if threshold is None else reference
        measured = verify(variant, model, run.test, reference, thorough, before)
        if variant in EXACT and not measured.matches:
            raise ExportMismatchError(
                f"{output / variant}.onnx ({record.arm}, seed {record.seed})", measured.difference
            )
        f1 = {name: value for name, value in measured.metrics.items() if name.startswith("f1/")}
        said = {"variant": variant, "threshold": "0.5"}
        said |= {"test_f1": json.dumps(json_ready(f1))} if run.has_test_images else {"refit": NO_F1}
        for name, value in (said | (threshold.metadata(measured, run) if threshold else {})).items():
            model.metadata_props.add(key=name, value=value)
        metadata[variant] = {entry.key: entry.value for entry in model.metadata_props}
        content = model.SerializeToString()
        (part / f"{variant}.onnx").write_bytes(content)
        verifications[variant] = replace(measured, num_bytes=len(content))

    with replacing(output) as part:
        for exact in _exact(run, graph, target, thresholds):
            add(exact.name, exact.model, exact.reference, exact.threshold)
        if reduced and not run.configuration.network.head:
            whole = FOLD if FOLD in verifications else NONE
            model = fold(graph) if whole == FOLD else graph
            for kind in REDUCED:
                add(f"{whole}-{kind}", reduced_model(kind, run, model, images), run.test.trained)
        files = {variant: output / f"{variant}.onnx" for variant in verifications}
        exported = Exported(record, files, verifications, metadata)
        (part / "verification.json").write_text(json.dumps(exported.as_data(), indent=1, allow_nan=False))
    return exported


def _exact(
    run: TrainedRun, graph: onnx.ModelProto, target: Target | None, given: Sequence[Threshold] | None
) -> Iterator[_Exact]:
    """Yields every float32 variant of a run.

    Into a head of somebody's own nothing is folded, neither a norm nor another threshold.
    """
    if run.configuration.network.head:
        variant = NONE if run.configuration.network.final_norm == "none" else KEEP
        yield _Exact(variant, copy_model(graph), run.test.trained)
        return
    if run.configuration.network.final_norm == "none":
        variants = [(NONE, copy_model(graph), run.network)]
    else:
        yield _Exact(KEEP, SURGERY[KEEP](graph), run.test.trained)
        removed = run.network.without_final_norm()
        variants = [(FOLD, SURGERY[FOLD](graph), run.network), (REMOVE, SURGERY[REMOVE](graph), removed)]
    for variant, model, network in variants:
        yield _Exact(variant, copy_model(model), probabilities(network, run.test.scores))
        of_kept = thresholds_of(run, variant == REMOVE, target) if given is None else given
        for threshold in of_kept if given is None or variant != REMOVE else ():
            shift = threshold.shift(run)
            shifted = network.shifted(torch.from_numpy(shift).float())
            reference = probabilities(shifted, run.test.scores)
            yield _Exact(f"{variant}-{threshold.name}", shift_scores(model, shift), reference, threshold)


def _metadata(run: TrainedRun, folder: RunFolder, form: GraphForm, image_shape: tuple[int, int, int]) -> dict[str, str]:
    record, data, network = run.record, run.configuration.data, run.configuration.network
    backbone = {}
    if network.weights != "none":
        content = folder.get(f"{shared_weights_name(network.name, network.weights)}.safetensors") or b""
        backbone = {
            "backbone": f"{network.name}, {network.weights}",
            "backbone_sha256": hashlib.sha256(content).hexdigest(),
        }
    return {
        "classes": json.dumps(data.classes),
        "roles": json.dumps(data.roles),
        "input": "uint8 (batch, height, width, channels), upright RGB or grey, 0 to 255; scaling is inside the graph",
        **_resize_metadata(form, image_shape),
        "versions": json.dumps({**record.versions, "onnx": onnx.__version__, "opset": str(form.opset)}),
        "study": record.study,
        "arm": record.arm,
        "key": record.key,
        "seed": str(record.seed),
        "data_fingerprint": record.data_fingerprint,
        "weights_sha256": record.files[WEIGHTS],
        **backbone,
    }


def _resize_metadata(form: GraphForm, image_shape: tuple[int, int, int]) -> dict[str, str]:
    channels, height, width = image_shape
    if not form.resize_inside:
        return {"resize": f"before the graph, to {height} x {width}: {RESIZE}"}
    largest, share = difference_to_pillow(height, width, channels)
    return {
        "resize": f"inside the graph, to {height} x {width}: {RESIZE}",
        "resize_difference": f"at most {largest} of 255 to Pillow on made-up images, {share:.2%} of values differ",
    }
