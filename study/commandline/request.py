"""Parsed arguments -> the studies that a command runs, and the files of the user's own that they read."""

import argparse
from dataclasses import dataclass
from typing import TYPE_CHECKING

from study.commandline import options
from study.studies import DEFAULT, OWN, Study, find

if TYPE_CHECKING:
    from pathlib import Path

    from trainables.data import Folders, Survey


@dataclass(frozen=True)
class Chosen:
    """What a command was asked to run.

    Attributes:
        studies: as declared, changed as the options say and fitted to the user's own images.
        weights: what a configuration calls a weights file -> the file.
        folders: what a configuration calls a folder of images -> the folder.
    """

    studies: list[Study]
    weights: "dict[str, Path]"
    folders: "Folders"


def choose(args: argparse.Namespace) -> Chosen:
    """Reads `--weights` and the folder of `--data`, says what is in it, and applies every option that changes a study.

    Raises:
        ConfigurationError, StudyError: an option that does not apply, a study that does not exist.
        DataError: weights or images that cannot be read.
    """
    identity, weights = options.read_weights(args.weights)
    found: Survey | None = None
    folders: Folders = {}
    if args.data or args.groups or args.group_pattern:
        from study.commandline.own_folder import fitted, read_folder
        from study.commandline.terminal import console

        found, folders = read_folder(args, OWN in args.studies, console())
    studies = [options.apply(study, args, identity) for study in find(args.studies or [DEFAULT])]
    options.check(studies)
    if found:
        studies = fitted(studies, found, OWN in args.studies, args, console())
    return Chosen(studies, weights, folders)
