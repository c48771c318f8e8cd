"""Command-line options -> changed studies. An option that does not apply is refused, never ignored."""

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from study.commandline import command
from study.locations import absolute
from study.studies import UNNAMED, Study
from trainables.configuration import SMALL_NETWORKS, Configuration, resolve_field
from trainables.errors import ConfigurationError

_FIELDS = {
    "data": "data.source",
    "network": "network.name",
    "cut": "network.cut",
    "image_size": "data.image_size",
    "minority": "data.minority",
    "majority": "data.majority",
}


OPTIONS = {path: f"--{name.replace('_', '-')}" for name, path in _FIELDS.items()}
BACKBONE_FIELDS = {"network.weights": "none", "network.cut": "", "network.trainable": "all"}  # of a network without


def add_changes(parser: argparse.ArgumentParser) -> None:
    """Adds the options that change every arm of a study alike."""
    add = parser.add_argument
    add("--set", type=command.assignment, action="append", default=[], metavar="FIELD=VALUE", help="change every arm")
    add("--data", metavar="SPEC", help="digits | mnist | plantvillage:PLANT | folder:PATH, a folder per class")
    add("--groups", metavar="CSV", help="with a folder: columns file,group; a group is in one split only")
    add("--group-pattern", metavar="REGEX", help="with a folder: its first parenthesis, in a file's name, is the group")
    add("--network", metavar="NAME", help="dense | cnn | a torchvision classifier")
    add("--cut", metavar="LAYER", help="end an image backbone at this layer")
    add("--weights", metavar="imagenet|none|PATH", help="what an image backbone starts from")
    add("--image-size", type=command.positive, metavar="N", help="pixels per side")
    add("--minority", metavar="NAMES", help="rare classes, separated by commas")
    add("--majority", metavar="NAMES", help="frequent classes, separated by commas; 'others' = all the rest")
    add("--ratio", type=command.amount, metavar="R", help="minority / majority training images")


def apply(study: Study, options: argparse.Namespace, weights: str | None) -> Study:
    """Returns the study that the options ask for: `--where` chooses among its arms, the others change all of them.

    Args:
        study: as declared.
        options: parsed arguments.
        weights: what `read_weights` gave for `--weights`.

    Raises:
        ConfigurationError: an option that does not apply, an unknown field, a value that is not allowed.
    """
    for name, value in options.where:
        study = study.where(name, value)
    if options.smoke:
        study = study.smoke()  # first, so that what is asked for by name wins
    changes: dict[str, Any] = {
        path: getattr(options, name) for name, path in _FIELDS.items() if getattr(options, name) is not None
    }
    if options.network in SMALL_NETWORKS:
        changes |= BACKBONE_FIELDS
    if weights is not None:
        changes["network.weights"] = weights
    changes.update(options.set)
    if changes:
        study = study.map(lambda configuration: configuration.replace(changes))
    if options.ratio is not None:
        study = study.map(lambda configuration: _at_ratio(configuration, options.ratio))
    if options.network or options.cut:
        _check_backbones(study)
    return study


def fields_of(options: argparse.Namespace) -> set[str]:
    """Returns every field that options change by name."""
    named = {path for name, path in _FIELDS.items() if getattr(options, name) is not None}
    return named | {resolve_field(name) for name, _ in options.set}


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
    from trainables.networks import read_weights as read

    path = absolute(given)
    identity, _ = read(path)
    return identity, {identity: path}


def _at_ratio(configuration: Configuration, ratio: float) -> Configuration:
    """Training images of each minority class = ratio x those of each majority class, at least one."""
    if not 0 < ratio <= 1:
        raise ConfigurationError(f"--ratio: got {ratio:g}; minority / majority lies above 0 and up to 1")
    if not isinstance(configuration.data.train_majority, int):
        raise ConfigurationError(
            f"--ratio: got a study of {configuration.data.train_majority} images; set data.train_majority"
        )
    return configuration.replace({"data.train_minority": max(1, round(ratio * configuration.data.train_majority))})


def _check_backbones(study: Study) -> None:
    """Refuses an unknown network or layer before anything starts."""
    backbones = {(arm.configuration.network.name, arm.configuration.network.cut) for arm in study.arms}
    for name, cut in backbones:
        if name not in SMALL_NETWORKS:
            from trainables.networks import check_backbone

            check_backbone(name, cut)
