"""Command-line options -> changed studies. An option that does not apply is refused, never ignored."""

import argparse
from typing import Any

from study.declaration import Study
from trainables.configuration import Configuration
from trainables.errors import ConfigurationError


def apply(study: Study, options: argparse.Namespace) -> Study:
    """Returns the study that the options ask for: `--where` chooses among its arms, the others change all of them.

    Raises:
        ConfigurationError: an option that does not apply, an unknown field, a value that is not allowed.
    """
    for name, value in options.where:
        study = study.where(name, value)
    changes: dict[str, Any] = {
        path: value
        for path, value in (
            ("data.source", options.data),
            ("network.name", options.network),
            ("data.minority", options.minority),
            ("data.majority", options.majority),
        )
        if value is not None
    }
    changes.update(options.set)
    if changes:
        study = study.map(lambda configuration: configuration.replace(changes))
    if options.ratio is not None:
        study = study.map(lambda configuration: _at_ratio(configuration, options.ratio))
    _refuse_backbone_options(study, options)
    return study.smoke() if options.smoke else study


def _at_ratio(configuration: Configuration, ratio: float) -> Configuration:
    """Training images of each minority class = ratio x those of each majority class, at least one."""
    if not 0 < ratio <= 1:
        raise ConfigurationError(f"--ratio: got {ratio:g}; minority / majority lies above 0 and up to 1")
    return configuration.replace({"data.train_minority": max(1, round(ratio * configuration.data.train_majority))})


def _refuse_backbone_options(study: Study, options: argparse.Namespace) -> None:
    given = {"--cut": options.cut, "--image-size": options.image_size, "--weights": options.weights}
    for option, value in given.items():
        if value not in (None, "none"):
            names = ", ".join(sorted({arm.configuration.network.name for arm in study.arms}))
            raise ConfigurationError(
                f"{option}: got {value}; it belongs to image backbones, {study.name} trains {names}"
            )
