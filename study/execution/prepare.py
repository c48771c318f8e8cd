"""The stage before the trials: data, backbone weights and features, each once, into the object store.

Data are loaded by the driver, whose paths they are. A task would do, but Ray gives no actor a process that has run a
task, so that the trials would wait for new ones to start.
"""

from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
import numpy.typing as npt
import ray
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy
from rich.console import Console

from study.execution.progress import CountProgress
from trainables.common import StudyError
from trainables.configuration import Configuration, Data, Network, Trial, own_functions, trains_on_features
from trainables.data import Folders, Images, draw_split, load_images
from trainables.storage import RunFolder
from trainables.tune import DataKey, FeaturesKey, Store, WeightsKey, data_key, features_key, weights_key

if TYPE_CHECKING:
    from trainables.networks import BackboneState

CHUNK = 256  # images of a task that computes features
Item = TypeVar("Item")
Group = TypeVar("Group", bound=Hashable)


@dataclass
class Prepared:
    """What the trials share, and why some of them cannot run.

    Attributes:
        store: images, weights and features.
        fingerprints: of the images.
        left_out: source -> files that are no images.
        problems: configuration -> why it cannot run.
    """

    store: Store = field(default_factory=Store)
    fingerprints: dict[DataKey, str] = field(default_factory=dict)
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
    can_run = set(_without_problems(prepared, configurations))
    for features, with_these_features in _grouped(trials, lambda trial: features_key(trial.configuration)).items():
        those = [trial for trial in with_these_features if trial.configuration in can_run]
        if features is not None and those:
            _prepare_features(prepared, features, those, runs, gpus, say, console or Console(quiet=True))
    return prepared


def _prepare_data(
    prepared: Prepared, key: DataKey, configurations: list[Configuration], data_root: Path, folders: Folders
) -> None:
    on_disk = all(map(trains_on_features, configurations))  # who trains on features looks at each image once
    images, (fingerprint, problems, left_out) = _load_data(
        key, data_root, [configuration.data for configuration in configurations], folders, on_disk
    )
    source = key[0]
    prepared.store.images[key] = ray.put(images)
    if fingerprint:
        prepared.fingerprints[key] = fingerprint
    if left_out:
        prepared.left_out[source] = left_out
    for configuration in configurations:
        problem = problems.get(configuration.data) or (images and _own_problem(configuration, images.shape))
        if problem:
            prepared.problems[configuration] = problem


def _own_problem(configuration: Configuration, image_shape: tuple[int, ...]) -> str:
    """Returns what is wrong with a network, head or loss of somebody's own; "" where nothing is."""
    if not own_functions(configuration):
        return ""
    from trainables.training import check_own_code

    try:
        check_own_code(configuration, image_shape)
    except StudyError as error:
        return str(error)
    return ""


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
    key: FeaturesKey,
    trials: Sequence[Trial],
    runs: str,
    gpus: float,
    say: Callable[[str], None],
    console: Console,
) -> None:
    """Brings the features of the images that trials draw into the store: from the run folder, or computed.

    Images that no trial draws have NaN. What is computed is kept, also where not all of it comes to an end.
    """
    from trainables.networks import features_name

    network, data = trials[0].configuration.network, data_key(trials[0].configuration)
    folder, name = RunFolder(runs), f"features/{features_name(prepared.fingerprints[data], network, network.weights)}"
    whole = folder.read_shared(name)
    if whole is not None:
        prepared.store.features[key] = ray.put(whole["features"])
        return
    images = ray.get(prepared.store.images[data])
    part = folder.read_shared(f"{name}-part") or {}
    is_there = np.zeros(len(images.labels), dtype=bool)
    is_there[part.get("positions", [])] = True
    missing = np.setdiff1d(_drawn(trials, images), np.flatnonzero(is_there))
    features: npt.NDArray[np.float32] | None = None
    if part:
        features = _all_rows(len(is_there), part["features"])
        features[part["positions"]] = part["features"]
    if len(missing):
        cut = network.cut and f" up to {network.cut}"
        say(f"computing features of {len(missing)} images of {data[0]} with {network.name}{cut}, once")
        try:
            with CountProgress(len(missing), console, "features of images") as progress:
                for positions, computed in _computed(prepared, data, network, missing, gpus):
                    features = _all_rows(len(is_there), computed) if features is None else features
                    features[positions], is_there[positions] = computed, True
                    progress.add(len(positions))
        finally:
            if features is not None and is_there.all():
                folder.write_shared(name, {"features": features})
            elif features is not None:
                kept = np.flatnonzero(is_there)
                folder.write_shared(f"{name}-part", {"positions": kept, "features": features[kept]}, anew=True)
    prepared.store.features[key] = ray.put(features)


def _drawn(trials: Sequence[Trial], images: Images) -> npt.NDArray[np.int64]:
    """Returns the positions of the images that some trial trains on, validates or tests with."""
    is_drawn = np.zeros(len(images.labels), dtype=bool)
    for data, seed in dict.fromkeys((trial.configuration.data, seed) for trial in trials for seed in trial.seeds):
        try:
            split = draw_split(data, images, seed)
        except StudyError:  # this seed's run will say so
            continue
        for positions in (split.train, split.validation, split.test):
            is_drawn[positions] = True
    return np.flatnonzero(is_drawn)


def _all_rows(num_images: int, some: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    return np.full((num_images, some.shape[1]), np.nan, np.float32)


def _computed(
    prepared: Prepared, data: DataKey, network: Network, positions: npt.NDArray[np.int64], gpus: float
) -> Iterator[tuple[npt.NDArray[np.int64], npt.NDArray[np.float32]]]:
    """Yields positions and their features, CHUNK by CHUNK as every CPU or GPU there is finishes one.

    Pixels are read on the driver's node, which has the files, a few chunks ahead of the backbones that take them.
    """
    images, backbone = prepared.store.images[data], prepared.store.backbones[network.name, network.weights]
    read = _read_pixels.options(scheduling_strategy=_on_drivers_node())
    compute = _compute_features.options(num_gpus=gpus)
    chunks = iter(np.split(positions, range(CHUNK, len(positions), CHUNK)))
    most_underway = 2 + 2 * int(ray.cluster_resources().get("CPU", 1))
    underway: dict[ray.ObjectRef, npt.NDArray[np.int64]] = {}
    while True:
        for chunk in islice(chunks, most_underway - len(underway)):
            underway[compute.remote(network, backbone, read.remote(images, chunk))] = chunk
        if not underway:
            return
        (finished, *_), _ = ray.wait(list(underway))
        yield underway.pop(finished), ray.get(finished)


def _load_data(
    key: DataKey, data_root: Path, data_of_trials: list[Data], folders: Folders, on_disk: bool
) -> tuple[Images | None, tuple[str, dict[Data, str], tuple[str, ...]]]:
    """Returns images and about them: fingerprint, {what asks too much of them: why}, files left out."""
    source, image_size = key
    try:
        images = load_images(source, data_root, image_size, folders, on_disk)
    except StudyError as error:
        return None, ("", dict.fromkeys(data_of_trials, str(error)), ())
    problems = {}
    for data in data_of_trials:
        try:
            draw_split(data, images, seed=0)
        except StudyError as error:
            problems[data] = str(error)
    return images, (images.fingerprint, problems, tuple(map(str, images.left_out)))


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
def _read_pixels(images: Images, positions: npt.NDArray[np.int64]) -> npt.NDArray[np.uint8]:
    return images.pixels[positions]


@ray.remote(num_cpus=1)
def _compute_features(
    network: Network, state: "BackboneState", pixels: npt.NDArray[np.uint8]
) -> npt.NDArray[np.float32]:
    import torch

    from trainables.networks import compute_features

    torch.set_num_threads(1)
    device = "cuda" if ray.get_gpu_ids() and torch.cuda.is_available() else "cpu"
    return compute_features(network, state, pixels, device)


def _on_drivers_node() -> NodeAffinitySchedulingStrategy:
    """Puts a task on the driver's node, because paths of data and weights are its own."""
    return NodeAffinitySchedulingStrategy(ray.get_runtime_context().get_node_id(), soft=False)


def _without_problems(prepared: Prepared, configurations: Iterable[Configuration]) -> list[Configuration]:
    return [configuration for configuration in configurations if configuration not in prepared.problems]


def _grouped(items: Iterable[Item], key: Callable[[Item], Group]) -> dict[Group, list[Item]]:
    groups: dict[Group, list[Item]] = {}
    for item in items:
        groups.setdefault(key(item), []).append(item)
    return groups
