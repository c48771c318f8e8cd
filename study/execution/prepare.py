"""The stage before the trials: data, backbone weights and features, each once, into the object store.

Data are loaded by the driver, whose paths they are. A task would do, but Ray gives no actor a process that has run a
task, so that the trials would wait for new ones to start.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import ray
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy
from rich.console import Console

from study.execution.progress import CountProgress
from trainables.configuration import Configuration, Data, Network, Trial, trains_on_features
from trainables.data import Folders, Images, draw_split, load_images
from trainables.errors import StudyError
from trainables.storage import RunFolder
from trainables.tune import DataKey, Store, WeightsKey, data_key, weights_key

if TYPE_CHECKING:
    from trainables.networks import BackboneState

CHUNK = 256  # images of a task that computes features


@dataclass
class Prepared:
    """What the trials share, and why some of them cannot run.

    Attributes:
        store: images, weights and features.
        fingerprints: of the images.
        counts: of the images.
        left_out: source -> files that are no images.
        problems: configuration -> why it cannot run.
    """

    store: Store = field(default_factory=Store)
    fingerprints: dict[DataKey, str] = field(default_factory=dict)
    counts: dict[DataKey, int] = field(default_factory=dict)
    left_out: dict[str, tuple[str, ...]] = field(default_factory=dict)
    problems: dict[Configuration, str] = field(default_factory=dict)


def prepare_trials(
    trials: Sequence[Trial],
    data_root: Path,
    runs: str,
    weights: Mapping[str, Path],
    gpus: float,
    say: Callable[[str], None],
    folders: Folders | None = None,
    console: Console | None = None,
) -> Prepared:
    """Loads what the trials need and checks it against what they ask for.

    Args:
        trials: all that is to run.
        data_root: where data lie or are put.
        runs: the run folder; features and backbones are kept there by content.
        weights: "sha256:..." -> the file that `--weights` named.
        gpus: share of a GPU for computing features.
        say: hears of long work before it starts.
        folders: where somebody's own images lie.
        console: shows how far the features are.
    """
    prepared = Prepared()
    configurations = list(dict.fromkeys(trial.configuration for trial in trials))
    for key, with_these_data in _grouped(configurations, data_key).items():
        _prepare_data(prepared, key, with_these_data, data_root, folders or {})
    for backbone, with_this_backbone in _grouped(_without_problems(prepared, configurations), weights_key).items():
        if backbone is not None:
            _prepare_weights(prepared, backbone, with_this_backbone, runs, weights)
    for configuration in _without_problems(prepared, configurations):
        if trains_on_features(configuration):
            _prepare_features(prepared, configuration, runs, gpus, say, console or Console(quiet=True))
    return prepared


def _prepare_data(
    prepared: Prepared, key: DataKey, configurations: list[Configuration], data_root: Path, folders: Folders
) -> None:
    source, image_size = key
    images, (fingerprint, problems, left_out, prepared.counts[key]) = _load_data(
        source, image_size, data_root, [configuration.data for configuration in configurations], folders
    )
    prepared.store.images[key] = ray.put(images)
    if fingerprint:
        prepared.fingerprints[key] = fingerprint
    if left_out:
        prepared.left_out[source] = left_out
    for configuration in configurations:
        if configuration.data in problems:
            prepared.problems[configuration] = problems[configuration.data]


def _prepare_weights(
    prepared: Prepared, key: WeightsKey, configurations: list[Configuration], runs: str, files: Mapping[str, Path]
) -> None:
    from trainables.networks import IMAGENET  # the driver waits for torch only where there are backbones

    name, identity = key
    path = files.get(identity)
    if identity != IMAGENET and path is None:
        problem = f"weights {identity} are not at hand; name their file with --weights"
        prepared.problems |= dict.fromkeys(configurations, problem)
        return
    networks = list(dict.fromkeys(configuration.network for configuration in configurations))
    reference, reference_of_problems = _load_weights.options(
        num_returns=2, scheduling_strategy=_on_drivers_node()
    ).remote(name, str(path or ""), runs, identity, networks)
    problems = ray.get(reference_of_problems)
    prepared.store.backbones[key] = reference
    for configuration in configurations:
        if configuration.network in problems:
            prepared.problems[configuration] = problems[configuration.network]


def _prepare_features(
    prepared: Prepared,
    configuration: Configuration,
    runs: str,
    gpus: float,
    say: Callable[[str], None],
    console: Console,
) -> None:
    """Reads features from the run folder or computes them, a task per CHUNK of images on every CPU or GPU there is."""
    from trainables.networks import features_key

    network, data, backbone = configuration.network, data_key(configuration), weights_key(configuration)
    assert backbone is not None  # features only stand for a backbone with weights
    name = features_key(prepared.fingerprints[data], network, network.weights)
    key = (*data, *backbone, network.cut)
    if key in prepared.store.features:
        return
    cached = RunFolder(runs).read_shared(f"features/{name}")
    if cached is not None:
        prepared.store.features[key] = ray.put(cached["features"])
        return
    say(f"computing features of {data[0]} with {network.name}{network.cut and ' up to ' + network.cut}, once")
    num_images = prepared.counts[data]
    task = _compute_features.options(num_gpus=gpus)
    parts = [
        task.remote(network, prepared.store.backbones[backbone], prepared.store.images[data], start)
        for start in range(0, num_images, CHUNK)
    ]
    with CountProgress(num_images, console, "images") as progress:
        unfinished = parts
        while unfinished:
            finished, unfinished = ray.wait(unfinished)
            progress.add(sum(min(CHUNK, num_images - CHUNK * parts.index(part)) for part in finished))
    computed = np.concatenate(ray.get(parts))
    RunFolder(runs).write_shared(f"features/{name}", {"features": computed})
    prepared.store.features[key] = ray.put(computed)


def _load_data(
    source: str, image_size: int | None, data_root: Path, data_of_trials: list[Data], folders: Folders
) -> tuple[Images | None, tuple[str, dict[Data, str], tuple[str, ...], int]]:
    """Returns images and about them: fingerprint, {what asks too much of them: why}, files left out, their number."""
    try:
        images = load_images(source, data_root, image_size, folders)
    except StudyError as error:
        return None, ("", dict.fromkeys(data_of_trials, str(error)), (), 0)
    problems = {}
    for data in data_of_trials:
        try:
            draw_split(data, images, seed=0)
        except StudyError as error:
            problems[data] = str(error)
    return images, (images.fingerprint, problems, tuple(map(str, images.left_out)), len(images.pixels))


@ray.remote(num_cpus=0)
def _load_weights(
    name: str, path: str, runs: str, identity: str, networks: list[Network]
) -> tuple[Any, dict[Network, str]]:
    """Returns a state dict, kept in the run folder once by its identity, and which networks it does not fit."""
    from trainables.networks import build_backbone, download_imagenet, read_weights, shared_weights_name

    try:
        state = read_weights(Path(path))[1] if path else download_imagenet(name)
    except StudyError as error:
        return None, dict.fromkeys(networks, str(error))
    problems = {}
    for network in networks:
        try:
            build_backbone(network, state)
        except StudyError as error:
            problems[network] = str(error)
    RunFolder(runs).write_shared(shared_weights_name(name, identity), state)
    return state, problems


@ray.remote(num_cpus=1)
def _compute_features(network: Network, state: "BackboneState", images: Images, start: int) -> npt.NDArray[np.float32]:
    import torch

    from trainables.networks import compute_features

    torch.set_num_threads(1)
    device = "cuda" if ray.get_gpu_ids() and torch.cuda.is_available() else "cpu"
    return compute_features(network, state, images.pixels[start : start + CHUNK], device)


def _on_drivers_node() -> NodeAffinitySchedulingStrategy:
    """Puts a task on the driver's node, because paths of data and weights are its own."""
    return NodeAffinitySchedulingStrategy(ray.get_runtime_context().get_node_id(), soft=False)


def _without_problems(prepared: Prepared, configurations: Iterable[Configuration]) -> list[Configuration]:
    return [configuration for configuration in configurations if configuration not in prepared.problems]


def _grouped(
    configurations: Iterable[Configuration], key: Callable[[Configuration], Any]
) -> dict[Any, list[Configuration]]:
    groups: dict[Any, list[Configuration]] = {}
    for configuration in configurations:
        groups.setdefault(key(configuration), []).append(configuration)
    return groups
