"""A run's record -> the network as it was trained, and what PyTorch makes of images with it."""

import numpy as np
import numpy.typing as npt
import torch

from export.conversion import Deployed
from export.errors import ExportMismatchError
from export.verification import BATCH, HeldOut, Pixels
from trainables.configuration import Configuration
from trainables.data import Images
from trainables.errors import RecordError
from trainables.final_norm import with_batch_norms
from trainables.networks import Classifier, build_network, shared_weights_name
from trainables.storage import PREDICTIONS, WEIGHTS, Record, RunFolder


def as_photos(images: Images, positions: npt.NDArray[np.int64]) -> Pixels:
    """Returns images as a device hands them over: uint8 (n, height, width, channels)."""
    return np.ascontiguousarray(images.pixels[positions].transpose(0, 2, 3, 1))


def held_out(
    images: Images, positions: npt.NDArray[np.int64], classes: npt.NDArray[np.int64], configuration: Configuration,
    kept: Deployed,
) -> HeldOut:  # fmt: skip
    """Returns some images with their labels and what PyTorch makes of them, a batch at a time."""
    photos, data = as_photos(images, positions), configuration.data
    names = [images.sample_names[i] for i in positions]
    with torch.no_grad():
        scores = torch.cat([kept.eval().scores(batch) for batch in torch.from_numpy(photos).split(BATCH)])
    return HeldOut(photos, classes[positions], names, scores, probabilities(kept, scores), data.classes, data.roles)


def trained_network(record: Record, folder: RunFolder, images: Images) -> Classifier:
    """The network as it was trained; Y19's norms as torch's of the same evaluation form, for its ONNX operator."""
    configuration = record.typed_configuration()
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


@torch.no_grad()
def probabilities(network: Deployed, scores: torch.Tensor) -> npt.NDArray[np.float32]:
    """Returns probabilities (n, classes) of scores before the final norm."""
    return network.eval().probabilities(scores).numpy()


def check_record(
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
