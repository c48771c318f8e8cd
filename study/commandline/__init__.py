"""What does a command line ask for?"""

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
