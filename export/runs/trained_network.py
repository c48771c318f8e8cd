"""A run's record -> the network as it was trained, its split, and what PyTorch makes of its test images."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch

from export.conversion import Deployed
from export.errors import ExportMismatchError
from export.verification import BATCH, HeldOut, Pixels
from trainables.common import RecordError
from trainables.configuration import Configuration
from trainables.data import Images, Split, draw_split
from trainables.final_norm import with_batch_norms
from trainables.networks import Classifier, build_network, shared_weights_name
from trainables.storage import PREDICTIONS, WEIGHTS, Record, RunFolder, Tensors

CLEAR_MARGIN = 1e-3  # in probability; a GPU or another thread count may turn a decision closer than that


@dataclass(frozen=True)
class TrainedRun:
    """A recorded run, read and checked once.

    Attributes:
        record: what was recorded.
        predictions: the recorded scores, labels and positions: "<split>/scores" and so on.
        configuration: the record's, typed.
        split: which images trained, validated and tested it.
        network: as it was trained, final norm kept, in evaluation.
        test: its test images and what the network makes of them.
    """

    record: Record
    predictions: Tensors
    configuration: Configuration
    split: Split
    network: Deployed
    test: HeldOut

    @property
    def has_test_images(self) -> bool:
        """Whether its test images are others than those that it trained on."""
        return self.configuration.data.split != "everything"


def read_run(record: Record, folder: RunFolder, images: Images) -> TrainedRun:
    """Returns a run whose network was found to decide as recorded.

    Args:
        record: a complete run.
        folder: where its weights lie.
        images: its data set.

    Raises:
        RecordError: weights or predictions are missing or damaged.
        ExportMismatchError: the network is not the one that was recorded.
    """
    configuration = record.typed_configuration()
    network = Deployed(_trained_network(record, configuration, folder, images), configuration.network.output).eval()
    split = draw_split(configuration.data, images, record.seed)
    test = _held_out(images, split.test, split.classes, configuration, network)
    run = TrainedRun(record, folder.tensors(record, PREDICTIONS), configuration, split, network, test)
    _check_decides_as_recorded(run)
    return run


def as_photos(images: Images, positions: npt.NDArray[np.int64]) -> Pixels:
    """Returns images as a device hands them over: uint8 (n, height, width, channels)."""
    return np.ascontiguousarray(images.pixels[positions].transpose(0, 2, 3, 1))


@torch.no_grad()
def probabilities(network: Deployed, scores: torch.Tensor) -> npt.NDArray[np.float32]:
    """Returns probabilities (n, classes) of scores before the final norm."""
    return network.eval().probabilities(scores).numpy()


def _trained_network(record: Record, configuration: Configuration, folder: RunFolder, images: Images) -> Classifier:
    """Returns the network as trained; Y19's norms as torch's of the same evaluation form, for its ONNX operator."""
    settings, state = configuration.network, None
    if settings.weights != "none":
        name = shared_weights_name(settings.name, settings.weights)
        state = folder.read_shared(name)
        if state is None:
            raise RecordError(
                f"{folder.url}/{name}.safetensors is missing or damaged; any new run with these weights writes it again"
            )
    network = build_network(settings, images.shape, len(configuration.data.classes), state)
    weights = {name: torch.from_numpy(value) for name, value in folder.tensors(record, WEIGHTS).items()}
    network.load_state_dict(weights, strict=settings.trainable != "head")  # a frozen backbone is not in them
    return with_batch_norms(network)


def _held_out(
    images: Images,
    positions: npt.NDArray[np.int64],
    classes: npt.NDArray[np.int64],
    configuration: Configuration,
    network: Deployed,
) -> HeldOut:
    photos = as_photos(images, positions)
    with torch.no_grad():
        scores = torch.cat([network.scores(batch) for batch in torch.from_numpy(photos).split(BATCH)])
    return HeldOut(
        images=photos,
        labels=classes[positions],
        names=[images.sample_names[i] for i in positions],
        scores=scores,
        trained=probabilities(network, scores),
        classes=configuration.data.classes,
        roles=configuration.data.roles,
    )


def _check_decides_as_recorded(run: TrainedRun) -> None:
    """The network that is exported must be the one that was measured: same test images, same decisions as recorded."""
    record, trained = run.record, run.test.trained
    subject = f"{record.arm}, seed {record.seed}: the network of weights.safetensors against the recorded test scores"
    if not np.array_equal(run.predictions["test/positions"], run.split.test):
        raise ExportMismatchError(f"{subject} (other test images)", float("inf"))
    changed = run.predictions["test/scores"].argmax(axis=1) != trained.argmax(axis=1)
    margins = np.abs(np.diff(np.sort(trained[changed], axis=1)[:, -2:], axis=1))
    if changed.any() and margins.max() > CLEAR_MARGIN:
        raise ExportMismatchError(subject, float(margins.max()))
