"""A run with a final norm and its control -> ONNX files, never confused.

keep    the norm is a node of the graph
fold    the norm is inside the dense layer: exact, free
remove  the norm is gone: H1 of K21, an empirical claim with its own measured F1
none    the control, trained without it

Of fold, remove and none there is a recalibrated one each: the scores are shifted so that argmax decides at the
threshold that validation chooses. Of fold and none there are also fp16 and int8 (export/quantize.py), which are
approximate.
"""

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
import torch

from export.conversion import CALIBRATION_IMAGES, FP16, INT8, OPSET, REDUCED, Deployed, to_fp16, to_int8, to_onnx
from export.errors import ExportMismatchError
from export.runs.files import json_ready, replacing
from export.runs.trained_network import as_photos, check_record, held_out, probabilities, trained_network
from export.surgery import copy_model, fold, remove, shift_scores
from export.verification import F1_TOLERANCE, HeldOut, Verification, infer, largest_loss, open_session, verify
from trainables.configuration import SMALL_NETWORKS, Configuration, Data
from trainables.data import Images, Split, draw_split
from trainables.evaluation import measure, odds_of, score_shift
from trainables.networks import Classifier, shared_weights_name
from trainables.storage import PREDICTIONS, WEIGHTS, Record, RunFolder

KEEP, FOLD, REMOVE, NONE = ("keep", "fold", "remove", "none")
RECALIBRATED = "recalibrated"
EXACT = (KEEP, FOLD, f"{FOLD}-{RECALIBRATED}", REMOVE, f"{REMOVE}-{RECALIBRATED}", NONE, f"{NONE}-{RECALIBRATED}")
VARIANTS = (*EXACT, *(f"{exact}-{reduced}" for exact in (FOLD, NONE) for reduced in REDUCED))
MakeVariant = Callable[[onnx.ModelProto], onnx.ModelProto]
SURGERY: Mapping[str, MakeVariant] = {KEEP: copy_model, FOLD: fold, REMOVE: remove}


@dataclass(frozen=True)
class Exported:
    """The files of one run and what each was measured to do."""

    record: Record
    files: dict[str, Path]
    verifications: dict[str, Verification]

    def as_data(self) -> dict[str, Any]:
        """Returns what was measured as plain data for JSON."""
        variants = {name: {**asdict(its), "deployable": its.deployable} for name, its in self.verifications.items()}
        names = ("study", "arm", "key", "seed")
        return {name: getattr(self.record, name) for name in names} | {"variants": json_ready(variants)}


def export_run(
    record: Record, folder: RunFolder, images: Images, output: Path,
    reduced: bool = True, thorough: int | None = None,
) -> Exported:  # fmt: skip
    """Writes `<output>/<variant>.onnx` of a run, measures each, and writes `verification.json`: all of it or nothing.

    Args:
        record: a complete run.
        folder: where its weights lie.
        images: its data set.
        output: folder for the files; made if it is not there.
        reduced: fp16 and int8 too, and for large networks every optimisation level and batch size.
        thorough: how many test images of a large network run at every level and batch size; None is all.

    Raises:
        ExportMismatchError: a file differs from its PyTorch network, or the network from what was recorded.
        ExportError: a converter cannot take the network.
        RecordError: weights or predictions are damaged.
        OSError: the files cannot be written.
    """
    configuration = record.typed_configuration()
    network = trained_network(record, folder, images)
    split = draw_split(configuration.data, images, record.seed)
    kept = Deployed(network, configuration.network.output)
    test = held_out(images, split.test, split.classes, configuration, kept)
    check_record(record, folder, split.test, test.trained)
    graph = to_onnx(kept, images.shape, _metadata(record, folder))
    if configuration.network.name in SMALL_NETWORKS:
        thorough = None
    elif not reduced:
        thorough = 0
    verifications: dict[str, Verification] = {}

    def add(variant: str, model: onnx.ModelProto, reference: npt.NDArray[np.float32]) -> None:
        """Measures a model, and only then writes it; an exact one that is not what it should be is refused."""
        measured = verify(variant, model, test, reference, thorough)
        if variant in EXACT and not measured.matches:
            raise ExportMismatchError(
                f"{output / variant}.onnx ({record.arm}, seed {record.seed})", measured.difference
            )
        model.metadata_props.add(key="variant", value=variant)
        model.metadata_props.add(key="test_f1", value=json.dumps(json_ready(_f1(measured))))
        content = model.SerializeToString()
        (part / f"{variant}.onnx").write_bytes(content)
        verifications[variant] = replace(measured, num_bytes=len(content))

    with replacing(output) as part:
        for variant, model, reference in _exact(record, folder, network, graph, test):
            add(variant, model, reference)
        if reduced:
            exact = FOLD if FOLD in verifications else NONE
            model = fold(graph) if exact == FOLD else graph
            add(f"{exact}-{FP16}", to_fp16(model), test.trained)
            add(f"{exact}-{INT8}", _int8(model, images, split, configuration), test.trained)
        done = Exported(record, {variant: output / f"{variant}.onnx" for variant in verifications}, verifications)
        (part / "verification.json").write_text(json.dumps(done.as_data(), indent=1, allow_nan=False))
    return done


def _exact(
    record: Record, folder: RunFolder, network: Classifier, graph: onnx.ModelProto, test: HeldOut
) -> Iterator[tuple[str, onnx.ModelProto, npt.NDArray[np.float32]]]:  # fmt: skip
    """Yields every float32 variant with its graph and the probabilities that PyTorch gives."""
    configuration = record.typed_configuration()
    output = configuration.network.output
    if configuration.network.final_norm == "none":
        variants = [(NONE, copy_model(graph), "validation", True)]
    else:
        yield KEEP, SURGERY[KEEP](graph), test.trained
        variants = [(FOLD, SURGERY[FOLD](graph), "validation", True),
                    (REMOVE, SURGERY[REMOVE](graph), "validation-removed", False)]  # fmt: skip
    known = folder.tensors(record, PREDICTIONS)
    for variant, model, split, with_norm in variants:
        yield variant, copy_model(model), probabilities(Deployed(network, output, with_norm), test.scores)
        shift = _shift(configuration.data, known.get(f"{split}/scores"), known.get("validation/labels"))
        if shift is not None:
            shifted = Deployed(network, output, with_norm, torch.from_numpy(shift).float())
            recalibrated = shift_scores(model, shift)
            yield f"{variant}-{RECALIBRATED}", recalibrated, probabilities(shifted, test.scores)


def _shift(
    data: Data, scores: npt.NDArray[Any] | None, labels: npt.NDArray[np.int64] | None
) -> npt.NDArray[np.float64] | None:
    """Returns what recalibrates scores, (classes,); None where validation lacks images of a role."""
    first = len(data.majority)
    if scores is None or labels is None or not data.minority or len({bool(label >= first) for label in labels}) < 2:
        return None
    return score_shift(scores, labels, first, odds_of(data, labels >= first))


def _int8(model: onnx.ModelProto, images: Images, split: Split, configuration: Configuration) -> onnx.ModelProto:
    """Quantizes all layers, or all but the last where validation F1 needs it; calibrated on training images."""
    rng = np.random.default_rng(0)
    some = rng.permutation(split.train)[:CALIBRATION_IMAGES]
    calibration = as_photos(images, some)
    whole = to_int8(model, calibration)
    roles = np.array(configuration.data.roles)
    complete = set(roles[split.classes[split.validation]]) == set(roles)
    judges = split.validation if complete else split.train  # a role without images cannot be judged
    photos, labels = as_photos(images, judges), split.classes[judges]

    def f1(its: onnx.ModelProto) -> dict[str, float]:
        found = infer(open_session(its.SerializeToString()), photos)
        return measure(np.nan_to_num(found), labels, configuration.data.classes, configuration.data.roles)

    excluded = largest_loss(f1(model), f1(whole), configuration.data.roles) > F1_TOLERANCE
    chosen = to_int8(model, calibration, exclude_last=True) if excluded else whole
    chosen.metadata_props.add(key="quantized", value="all layers but the last" if excluded else "all layers")
    return chosen


def _f1(measured: Verification) -> dict[str, float]:
    return {name: value for name, value in measured.metrics.items() if name.startswith("f1/")}


def _metadata(record: Record, folder: RunFolder) -> dict[str, str]:
    configuration = record.typed_configuration()
    network, backbone = configuration.network, {}
    if network.weights != "none":
        content = folder.get(f"{shared_weights_name(network.name, network.weights)}.safetensors") or b""
        backbone = {"backbone": f"{network.name}, {network.weights}",
                    "backbone_sha256": hashlib.sha256(content).hexdigest()}  # fmt: skip
    return {
        "classes": json.dumps(configuration.data.classes), "roles": json.dumps(configuration.data.roles),
        "input": "uint8 (batch, height, width, channels), upright, resized bilinearly; scaling is inside the graph",
        "versions": json.dumps({**record.versions, "onnx": onnx.__version__, "opset": str(OPSET)}),
        "study": record.study, "key": record.key, "seed": str(record.seed),
        "data_fingerprint": record.data_fingerprint, "weights_sha256": record.files[WEIGHTS], **backbone,
    }  # fmt: skip
