"""Groups of runs on somebody's own images, by names that a person knows: classes, folder, day and counts, no hashes."""

import shlex
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from study.answers import FolderVersion, recall_versions
from study.commandline import remembered, remembered_weights
from study.evidence import Group, change_in_words
from trainables.configuration import FOLDER, SMALL_NETWORKS
from trainables.storage import RunFolder

# what a title says in other words or not at all: it names classes and folder, steps follow from the number of images
SAID_OTHERWISE = ("data.source", "data.minority", "data.majority", "schedule.batch_size", "schedule.steps_per_epoch")
COUNTS = ("data.train_minority", "data.train_majority")
NETWORK = ("network.name", "network.cut", "network.weights")
TABLES = {"labels": "--labels", "groups": "--groups", "pattern": "--group-pattern"}  # of a remembered folder


def named_groups(groups: Iterable[Group], folder: RunFolder) -> list[Group]:
    """Returns groups with the newest runs first, each with a title, and with the options that say what a hash does."""
    folders, weights, versions = remembered(folder), remembered_weights(folder), recall_versions(folder)
    newest_first = sorted(groups, key=_last_run, reverse=True)
    paths = [folders[_source(group)].path for group in newest_first if _source(group) in folders]
    named = []
    for group in newest_first:
        source, words = _source(group), {}
        title = ", ".join(group.configuration(next(iter(group.records))).data.minority)
        if source in folders:
            own, version = folders[source], versions.get(source)
            words["data.source"] = _options(own.path, own.as_dict())
            has_others = len({_source(other) for other in newest_first}) > 1 and paths.count(own.path) > 1
            title += f" in {Path(own.path).name}{f', {_when(group, version)}' if has_others else ''}"
        path = weights.get(str(group.changes.get("network.weights")))
        if path:
            words["network.weights"] = f"--weights {shlex.quote(path)}"
        named.append(replace(group, title=", ".join([title, *_besides(group)]), words=words))
    return named


def own_title(group: Group, folder: RunFolder) -> str:
    """Returns "scab in leaves", the rare classes and the folder that they are in, as short as a file's name should be.

    Without what else `Group.title` tells apart; the folder is left out where nobody remembers it.
    """
    minority = ", ".join(group.configuration(next(iter(group.records))).data.minority)
    own = remembered(folder).get(_source(group))
    return f"{minority} in {Path(own.path).name}" if own else minority


def photos_of(group: Group, folder: RunFolder) -> str:
    """Returns "150 healthy, 25 scab; as they were at 2026-11-29 12:01"; "" where that was not kept."""
    version = recall_versions(folder).get(_source(group))
    return f"{version.what}; as they were at {version.when}" if version else ""


def _source(group: Group) -> str:
    return group.configuration(next(iter(group.records))).data.source


def _last_run(group: Group) -> str:
    return max(record.finished_at for runs in group.records.values() for record in runs.values())


def _when(group: Group, version: FolderVersion | None) -> str:
    """Returns since when a folder was so; of runs that are older than such notes, the day of the first of them."""
    if version:
        return f"as of {version.when}"
    first = min(record.finished_at for runs in group.records.values() for record in runs.values())
    return f"runs of {first[:10]}"


def _besides(group: Group) -> Iterable[str]:
    """Yields what else the command line changed, in words."""
    configuration = group.configuration(next(iter(group.records)))
    data, network, changes = configuration.data, configuration.network, group.changes
    is_small = network.name in SMALL_NETWORKS
    if "data.image_size" in changes:
        yield f"{data.image_size} pixels"
    if not changes.keys().isdisjoint(COUNTS):
        yield f"trained on {data.train_minority} rare and {data.train_majority} frequent"
    if not changes.keys().isdisjoint(NETWORK):
        cut = f" up to {network.cut}" if network.cut and not is_small else ""
        weights = " with weights from a file" if network.weights.startswith("sha256:") and not is_small else ""
        yield f"{network.name}{cut}{weights}"
    for field, value in changes.items():
        of_backbone = is_small and field == "network.trainable"  # of a small network nothing to say
        if field not in (*SAID_OTHERWISE, "data.image_size", *COUNTS, *NETWORK) and not of_backbone:
            yield change_in_words(field, value)


def _options(path: str, kept: dict[str, str]) -> str:
    """Returns the words of a command line that name a folder and what is said of it."""
    tables = [f"{option} {shlex.quote(kept[name])}" for name, option in TABLES.items() if kept.get(name)]
    return " ".join([f"--data {shlex.quote(FOLDER + path)}", *tables])
