"""The stage before the trials, in Ray tasks: data, backbone weights and features, each once, into the object store."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import ray
import torch
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy
from rich.console import Console

from study.execution.progress import CountProgress
from trainables.configuration import Configuration, Data, Network, trains_on_features
from trainables.data import Folders, Images, draw_split, load_images
from trainables.errors import StudyError
from trainables.networks import (
    IMAGENET,
    BackboneState,
    build_backbone,
    compute_features,
    download_imagenet,
    features_key,
    read_weights,
    shared_weights_name,
)
from trainables.run import Trial
from trainables.storage import RunFolder
from trainables.tune import DataKey, Store, WeightsKey, data_key, weights_key

CHUNK = 256  # images of a task that computes features


@dataclass
class Prepared:
    """What the trials share, and why some of them cannot run."""

    store: Store = field(default_factory=Store)
    fingerprints: dict[DataKey, str] = field(default_factory=dict)
    counts: dict[DataKey, int] = field(default_factory=dict)  # images
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
    for key, asked in _by(data_key, configurations).items():
        _prepare_data(prepared, key, asked, data_root, folders or {})
    for backbone, asked in _by(weights_key, _able(prepared, configurations)).items():
        if backbone is not None:
            _prepare_weights(prepared, backbone, asked, runs, weights)
    for configuration in filter(trains_on_features, _able(prepared, configurations)):
        _prepare_features(prepared, configuration, runs, gpus, say, console or Console(quiet=True))
    return prepared


def _prepare_data(
    prepared: Prepared, key: DataKey, asked: list[Configuration], data_root: Path, folders: Folders
) -> None:
    reference, outcome = _load_data.options(num_returns=2, scheduling_strategy=_here()).remote(
        *key, str(data_root), [c.data for c in asked], folders
    )
    fingerprint, problems, left_out, prepared.counts[key] = ray.get(outcome)
    prepared.store.images[key] = reference
    if fingerprint:
        prepared.fingerprints[key] = fingerprint
    if left_out:
        prepared.left_out[key[0]] = left_out
    prepared.problems |= {c: problems[c.data] for c in asked if c.data in problems}


def _prepare_weights(
    prepared: Prepared, key: WeightsKey, asked: list[Configuration], runs: str, files: Mapping[str, Path]
) -> None:
    name, identity = key
    path = files.get(identity)
    if identity != IMAGENET and path is None:
        prepared.problems |= dict.fromkeys(asked, f"weights {identity} are not at hand; name their file with --weights")
        return
    networks = list(dict.fromkeys(c.network for c in asked))
    reference, problems = _load_weights.options(num_returns=2, scheduling_strategy=_here()).remote(
        name, str(path or ""), runs, identity, networks
    )
    found = ray.get(problems)
    prepared.store.backbones[key] = reference
    prepared.problems |= {c: found[c.network] for c in asked if c.network in found}


def _prepare_features(
    prepared: Prepared, configuration: Configuration, runs: str, gpus: float, say: Callable[[str], None],
    console: Console,
) -> None:  # fmt: skip
    """Computes what is not in the run folder yet, a task per CHUNK of images on every CPU or GPU there is."""
    network, data, backbone = configuration.network, data_key(configuration), weights_key(configuration)
    assert backbone is not None  # features only stand for a backbone with weights
    name = features_key(prepared.fingerprints[data], network, network.weights)
    place = (*data, *backbone, network.cut)
    if place in prepared.store.features:
        return
    cached = RunFolder(runs).read_shared(f"features/{name}")
    if cached is not None:
        prepared.store.features[place] = ray.put(cached["features"])
        return
    say(f"computing features of {data[0]} with {network.name}{network.cut and ' up to ' + network.cut}, once")
    number = prepared.counts[data]
    task = _compute_features.options(num_gpus=gpus)
    parts = [
        task.remote(network, prepared.store.backbones[backbone], prepared.store.images[data], start)
        for start in range(0, number, CHUNK)
    ]
    with CountProgress(number, console, "images") as progress:
        waiting = parts
        while waiting:
            finished, waiting = ray.wait(waiting)
            progress.add(sum(min(CHUNK, number - CHUNK * parts.index(part)) for part in finished))
    computed = np.concatenate(ray.get(parts))
    RunFolder(runs).write_shared(f"features/{name}", {"features": computed})
    prepared.store.features[place] = ray.put(computed)


@ray.remote(num_cpus=0)
def _load_data(
    source: str, image_size: int | None, data_root: str, asked: list[Data], folders: Folders
) -> tuple[Images | None, tuple[str, dict[Data, str], tuple[str, ...], int]]:
    try:
        images = load_images(source, Path(data_root), image_size, folders)
    except StudyError as error:
        return None, ("", dict.fromkeys(asked, str(error)), (), 0)
    problems = {}
    for data in asked:
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
def _compute_features(network: Network, state: BackboneState, images: Images, start: int) -> npt.NDArray[np.float32]:
    torch.set_num_threads(1)
    pixels = images.pixels[start : start + CHUNK]
    return compute_features(
        network, state, pixels, "cuda" if ray.get_gpu_ids() and torch.cuda.is_available() else "cpu"
    )


def _here() -> NodeAffinitySchedulingStrategy:
    """The driver's node: paths of data and weights are its own."""
    return NodeAffinitySchedulingStrategy(ray.get_runtime_context().get_node_id(), soft=False)


def _able(prepared: Prepared, configurations: Iterable[Configuration]) -> list[Configuration]:
    return [configuration for configuration in configurations if configuration not in prepared.problems]


def _by(key: Callable[[Configuration], Any], configurations: Iterable[Configuration]) -> dict[Any, list[Configuration]]:
    groups: dict[Any, list[Configuration]] = {}
    for configuration in configurations:
        groups.setdefault(key(configuration), []).append(configuration)
    return groups
