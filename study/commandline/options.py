"""The options that change every arm of a study alike. One that does not apply is refused, never ignored."""

import argparse
import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from study.commandline import command
from study.locations import absolute
from study.studies import DEFAULTS, UNNAMED, Study, under_defaults, with_fingerprint
from trainables.common import ConfigurationError
from trainables.configuration import FOLDER, SOURCES, Configuration, has_backbone, resolve_field

OPTIONS = {  # field of a configuration -> the option that changes it alone
    "data.source": "--data",
    "network.name": "--network",
    "network.cut": "--cut",
    "data.image_size": "--image-size",
    "data.minority": "--minority",
    "data.majority": "--majority",
}
BACKBONE_FIELDS = {"network.weights": "none", "network.cut": "", "network.trainable": "all"}  # of a network without


@dataclass(frozen=True)
class Changes:
    """What is to be changed in every arm of a study; None, "" or empty where an option is not given.

    Attributes:
        assignments: (FIELD, VALUE) of every `--set`; they win over the defaults.
        defaults: what the papers leave open is set as this tool does.
        source: `--data`: a data set, or "folder:PATH".
        groups, group_pattern: which images of a folder belong together.
        labels: the table that names the classes of a folder's images.
        split: "folders" keeps the folder's own train, val and test; "random" takes them together.
        network, cut, image_size: of the options of these names.
        weights: "none", "imagenet", a file, or what stands for a file in a configuration.
        minority, majority: names of classes; for a folder as they were typed, an entry each time the option was given.
        ratio: minority / majority training images.
    """

    assignments: tuple[tuple[str, str], ...] = ()
    defaults: str = DEFAULTS[0]
    source: str | None = None
    groups: str = ""
    group_pattern: str = ""
    labels: str = ""
    split: str | None = None
    network: str | None = None
    cut: str | None = None
    weights: str | None = None
    image_size: int | None = None
    minority: tuple[str, ...] | None = None
    majority: tuple[str, ...] | None = None
    ratio: float | None = None

    @property
    def values(self) -> dict[str, Any]:
        """{field of a configuration: value} of the options that change one field alone, those of OPTIONS."""
        values = {
            "data.source": self.source,
            "network.name": self.network,
            "network.cut": self.cut,
            "data.image_size": self.image_size,
            "data.minority": self.minority,
            "data.majority": self.majority,
        }
        return {field: value for field, value in values.items() if value is not None}

    @property
    def assigned_fields(self) -> frozenset[str]:
        """Every field that `--set` names; raises ConfigurationError for one that does not exist."""
        return frozenset(resolve_field(name) for name, _ in self.assignments)

    @property
    def named_fields(self) -> frozenset[str]:
        """Every field that an option changes by name; raises as `assigned_fields` does."""
        return self.assigned_fields.union(self.values)

    @property
    def concern_a_folder(self) -> bool:
        """Whether they say something of a folder of images."""
        says_more = (self.groups, self.group_pattern, self.labels, self.split)
        return (self.source or "").startswith(FOLDER) or any(says_more)


def add_changes(parser: argparse.ArgumentParser) -> None:
    """Adds the options that change every arm of a study alike."""
    add = parser.add_argument
    add("--set", type=command.assignment, action="append", default=[], metavar="FIELD=VALUE", help="change every arm")
    add("--defaults", metavar="TOOL", choices=DEFAULTS, default=DEFAULTS[0],
        help=f"values that the papers leave open: {' | '.join(DEFAULTS)}; paper: each study's own tool")  # fmt: skip
    add(
        "--data",
        metavar="SPEC",
        help="digits | mnist | plantvillage:PLANT | PATH of a folder | PACKAGE.MODULE:FUNCTION",
    )
    add("--labels", type=command.named, metavar="TABLE",
        help="with a folder: CSV or Parquet, columns file,label, perhaps group,split")  # fmt: skip
    add(
        "--split",
        choices=("folders", "random"),
        help="with a folder: keep its train, val, test, or draw anew (default)",
    )
    add(
        "--groups",
        type=command.named,
        metavar="TABLE",
        help="with a folder: columns file,group, or near-duplicates; a group is in one split only",
    )
    add("--group-pattern", type=command.named, metavar="REGEX",
        help="with a folder: its first parenthesis, in a file's name, is the group")  # fmt: skip
    add("--network", type=command.named, metavar="NAME",
        help="dense | cnn | a torchvision classifier | PACKAGE.MODULE:FUNCTION")  # fmt: skip
    add("--cut", metavar="LAYER", help="end an image backbone at this layer")
    add("--weights", type=command.named, metavar="imagenet|none|PATH",
        help="what an image backbone starts from")  # fmt: skip
    add("--image-size", type=command.positive, metavar="N", help="pixels per side")
    add("--minority", metavar="NAMES", action="append", help="rare classes, separated by commas, or given repeatedly")
    add("--majority", metavar="NAMES", action="append", help="frequent classes, likewise; 'others' = all the rest")
    add("--ratio", type=command.amount, metavar="R", help="minority / majority training images")


def read_changes(args: argparse.Namespace) -> Changes:
    """Returns the changes that parsed arguments ask for; `--data PATH` is `--data folder:PATH`."""
    source = args.data
    is_source = not source or SOURCES.fullmatch(source) or source.startswith(FOLDER)
    if not is_source and os.path.isdir(os.path.expanduser(source)):
        source = f"{FOLDER}{source}"
    return Changes(
        defaults=args.defaults,
        assignments=tuple(args.set),
        source=source,
        groups=args.groups or "",
        labels=args.labels or "",
        split=args.split,
        group_pattern=args.group_pattern or "",
        network=args.network,
        cut=args.cut,
        weights=args.weights,
        image_size=args.image_size,
        minority=_class_names(args.minority, source),
        majority=_class_names(args.majority, source),
        ratio=args.ratio,
    )


def _class_names(typed: Sequence[str] | None, source: str | None) -> tuple[str, ...] | None:
    """Returns the names of classes, divided at commas; of a folder as typed, as its classes may have commas."""
    if typed is None or (source or "").startswith(FOLDER):
        return None if typed is None else tuple(typed)
    return tuple(name for text in typed for name in text.split(","))


def name_own_code(changes: Changes) -> Changes:
    """Returns the changes with functions of somebody's own, package.module:function, named with their fingerprint.

    Raises:
        ConfigurationError: no such module or function.
    """
    return replace(
        changes,
        source=changes.source and with_fingerprint("data.source", changes.source),
        network=changes.network and with_fingerprint("network.name", changes.network),
        assignments=tuple((name, with_fingerprint(name, value)) for name, value in changes.assignments),
    )


def apply(study: Study, changes: Changes) -> Study:
    """Returns the study with all of its arms changed.

    Args:
        study: as declared, or a part of it.
        changes: with `weights` as a configuration names them (`read_weights`).

    Raises:
        ConfigurationError: an option that does not apply, an unknown field, a value that is not allowed.
    """
    study = under_defaults(study, changes.defaults)
    values = changes.values
    if changes.network and not has_backbone(changes.network):
        values |= BACKBONE_FIELDS
    if changes.weights is not None:
        values["network.weights"] = changes.weights
    values.update(changes.assignments)
    if values.get("data.split") == "everything":
        raise ConfigurationError("data.split=everything leaves no image to test on; --refit trains so, for deployment")
    if values:
        study = study.map(lambda configuration: configuration.replace(values))
    if changes.ratio is not None:
        ratio = changes.ratio
        study = study.map(lambda configuration: _at_ratio(configuration, ratio))
    if changes.network or changes.cut:
        _check_backbones(study)
    return study


def overridden_defaults(changes: Changes, studies: Sequence[Study]) -> list[str]:
    """Returns the fields that `--defaults` would set and another option sets otherwise: that option wins."""
    if changes.defaults == DEFAULTS[0]:
        return []
    set_by_tool: set[str] = set()
    for study in studies:
        for arm, changed in zip(study.arms, under_defaults(study, changes.defaults).arms, strict=True):
            before, after = arm.configuration.flat(), changed.configuration.flat()
            set_by_tool.update(name for name in before if after[name] != before[name])
    return sorted(set_by_tool & changes.named_fields)


def check(studies: Sequence[Study]) -> None:
    """Raises ConfigurationError for a study of own images without a folder, and for what only a search makes."""
    for study in studies:
        if not study.arms:
            searched = study.name_parts.untuned
            raise ConfigurationError(
                f"{study.name}: its arms are what a search finds; python -m study.search {searched}"
            )
        if any(arm.configuration.data.source == UNNAMED for arm in study.arms):
            raise ConfigurationError(f"{study.name}: where are your images? --data folder:PATH --minority CLASS")


def read_weights(given: str | None) -> tuple[str | None, dict[str, Path]]:
    """Returns what `--weights` stands for in a configuration, and {that: file} where it is a file.

    Raises:
        DataError: a file that is missing or is no state dict.
    """
    if given is None or given in ("none", "imagenet"):
        return given, {}
    from trainables.networks import read_weights as read_file

    path = absolute(given)
    identity, _ = read_file(path)
    return identity, {identity: path}


def _at_ratio(configuration: Configuration, ratio: float) -> Configuration:
    """Training images of each minority class = ratio x those of each majority class, at least one."""
    if not 0 < ratio <= 1:
        raise ConfigurationError(f"--ratio: got {ratio:g}; minority / majority lies above 0 and up to 1")
    num_majority = configuration.data.train_majority
    if not isinstance(num_majority, int):
        raise ConfigurationError(f"--ratio: got a study of {num_majority} images; set data.train_majority")
    return configuration.replace({"data.train_minority": max(1, round(ratio * num_majority))})


def _check_backbones(study: Study) -> None:
    """Refuses an unknown network or layer before anything starts."""
    backbones = {(arm.configuration.network.name, arm.configuration.network.cut) for arm in study.arms}
    for name, cut in backbones:
        if has_backbone(name):
            from trainables.networks import check_backbone

            check_backbone(name, cut)
