"""What does a command line ask for? Lazy: `--help` waits for nothing."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from study.commandline.command import (
        DONE,
        INCOMPLETE,
        WRONG_USAGE,
        add_locations,
        add_resources,
        assignment,
        make_parser,
        positive,
        run_command,
        runs_folder,
    )
    from study.commandline.options import BACKBONE_FIELDS, OPTIONS, add_changes, fields_of
    from study.commandline.own_folder import remember, remembered
    from study.commandline.request import Chosen, choose
    from study.commandline.terminal import console
else:
    from trainables.lazy import public_names

    _FILES = {
        "command": (
            "DONE",
            "INCOMPLETE",
            "WRONG_USAGE",
            "add_locations",
            "add_resources",
            "assignment",
            "make_parser",
            "positive",
            "run_command",
            "runs_folder",
        ),
        "options": (
            "BACKBONE_FIELDS",
            "OPTIONS",
            "add_changes",
            "fields_of",
        ),
        "own_folder": (
            "remember",
            "remembered",
        ),
        "request": (
            "Chosen",
            "choose",
        ),
        "terminal": ("console",),
    }
    __getattr__ = public_names(__name__, _FILES)

__all__ = [
    "BACKBONE_FIELDS",
    "DONE",
    "INCOMPLETE",
    "OPTIONS",
    "WRONG_USAGE",
    "Chosen",
    "add_changes",
    "add_locations",
    "add_resources",
    "assignment",
    "choose",
    "console",
    "fields_of",
    "make_parser",
    "positive",
    "remember",
    "remembered",
    "run_command",
    "runs_folder",
]
