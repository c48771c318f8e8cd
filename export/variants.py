"""A run with a final norm and its control -> four ONNX files, never confused.

keep    the norm is a node of the graph
fold    the norm is inside the dense layer: exact, free
remove  the norm is gone: H1 of K21, an empirical claim with its own measured F1
none    the control, trained without it
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import onnx
import torch

from export import surgery
from export.onnx_graph import Deployed, to_onnx
from export.verify import BATCH, ExportMismatchError, Verification, verify
from trainables import backbones, final_norm, imbalance, networks
from trainables.errors import RecordError
from trainables.images import Images
from trainables.records import PREDICTIONS, WEIGHTS, Record, RunFolder

KEEP, FOLD, REMOVE, NONE = VARIANTS = ("keep", "fold", "remove", "none")
MakeVariant = Callable[[onnx.ModelProto], onnx.ModelProto]
SURGERY: Mapping[str, MakeVariant] = {KEEP: surgery.copy, FOLD: surgery.fold, REMOVE: surgery.remove}


@dataclass(frozen=True)
class Exported:
    """The files of one run and what each was measured to do."""

    record: Record
    files: dict[str, Path]
    verifications: dict[str, Verification]


def export_run(
    record: Record, folder: RunFolder, images: Images, output: Path, make: Mapping[str, MakeVariant] | None = None
) -> Exported:
    """Writes `<output>/<variant>.onnx` of a run, keep, fold and remove of a final norm or none, and measures each.

    Args:
        record: a complete run.
        folder: where its weights lie.
        images: its data set.
        output: folder for the files; made if it is not there.
        make: variant -> surgery; default SURGERY.

    Raises:
        ExportMismatchError: a file differs from its PyTorch network, or the network from what was recorded.
        RecordError: weights or predictions are damaged.
    """
    make = SURGERY if make is None else make
    configuration = record.typed_configuration()
    network = _trained_network(record, folder, images)
    split = imbalance.draw(configuration.data, images, record.seed)
    pixels = np.ascontiguousarray(images.pixels[split.test].transpose(0, 2, 3, 1))
    labels = split.classes[split.test]
    kept = Deployed(network, configuration.network.output)
    removed = Deployed(network, configuration.network.output, final_norm=False)
    trained = _probabilities(kept, pixels)
    _check_record(record, folder, split.test, trained)
    has_norm = configuration.network.final_norm != "none"
    graph = to_onnx(kept, images.shape, _metadata(record))
    references = (
        {KEEP: trained, FOLD: trained, REMOVE: _probabilities(removed, pixels)} if has_norm else {NONE: trained}
    )
    output.mkdir(parents=True, exist_ok=True)
    files, verifications = {}, {}
    for variant, reference in references.items():
        model = make.get(variant, surgery.copy)(graph)
        model.metadata_props.add(key="variant", value=variant)
        files[variant] = output / f"{variant}.onnx"
        onnx.save(model, files[variant])
        measured = verify(
            variant, model, pixels, labels, reference, trained.argmax(axis=1),
            configuration.data.classes, configuration.data.roles,
        )  # fmt: skip
        if not measured.matches:
            raise ExportMismatchError(f"{files[variant]} ({record.arm}, seed {record.seed})", measured.difference)
        verifications[variant] = measured
    return Exported(record, files, verifications)


def _trained_network(record: Record, folder: RunFolder, images: Images) -> networks.Classifier:
    """The network as it was trained; Y19's norms as torch's of the same evaluation form, for its ONNX operator."""
    configuration = record.typed_configuration()
    settings, state = configuration.network, None
    if settings.weights != "none":
        name = backbones.shared_name(settings.name, settings.weights)
        state = folder.read_shared(name)
        if state is None:
            raise RecordError(
                f"{folder.url}/{name}.safetensors is missing or damaged; any new run with these weights writes it again"
            )
    network = networks.build(settings, images.shape, len(configuration.data.classes), state)
    weights = {name: torch.from_numpy(value) for name, value in folder.tensors(record, WEIGHTS).items()}
    network.load_state_dict(weights, strict=settings.trainable != "head")  # a frozen backbone is not in them
    return final_norm.with_batch_norms(network)


@torch.no_grad()
def _probabilities(network: Deployed, pixels: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
    batches = torch.from_numpy(pixels).split(BATCH)
    return torch.cat([network.eval()(batch) for batch in batches]).numpy()


def _check_record(
    record: Record, folder: RunFolder, positions: npt.NDArray[np.int64], trained: npt.NDArray[np.float32]
) -> None:
    """The network that is exported must be the one that was measured: same test images, same decisions as recorded."""
    predictions = folder.tensors(record, PREDICTIONS)
    what = f"{record.arm}, seed {record.seed}: the network of weights.safetensors against the recorded test scores"
    if not np.array_equal(predictions["test/positions"], positions):
        raise ExportMismatchError(f"{what} (other test images)", float("inf"))
    changed = predictions["test/scores"].argmax(axis=1) != trained.argmax(axis=1)
    margins = np.abs(np.diff(np.sort(trained[changed], axis=1)[:, -2:], axis=1))
    if changed.any() and margins.max() > 1e-3:  # a GPU or another thread count may move scores that are all but equal
        raise ExportMismatchError(what, float(margins.max()))


def _metadata(record: Record) -> dict[str, str]:
    configuration = record.typed_configuration()
    return {
        "classes": json.dumps(configuration.data.classes), "roles": json.dumps(configuration.data.roles),
        "input": "uint8 (batch, height, width, channels), upright, resized bilinearly; scaling is inside the graph",
        "metrics": json.dumps({n: v for n, v in record.metrics().items() if n.startswith("test/f1/")}),
        "versions": json.dumps(record.versions),
        "study": record.study, "key": record.key, "seed": str(record.seed),
        "data_fingerprint": record.data_fingerprint, "weights_sha256": record.files[WEIGHTS],
    }  # fmt: skip
