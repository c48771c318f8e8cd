"""What does a command line ask for? Lazy: `--help` waits for nothing."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from study.commandline.command import (
        DONE,
        INCOMPLETE,
        MOST_SEEDS,
        WRONG_USAGE,
        add_locations,
        add_resources,
        assignment,
        import_meanwhile,
        make_parser,
        positive,
        read_locations,
        run_command,
        up_to,
    )
    from study.commandline.export_request import ExportRequest, export_parser, read_export_request
    from study.commandline.lines import say, say_left_out
    from study.commandline.options import BACKBONE_FIELDS, OPTIONS, add_changes
    from study.commandline.remembered_folders import remember, remembered
    from study.commandline.request import Chosen, Request, choose, read_request
    from study.commandline.terminal import ShownTable, console
else:
    from trainables.lazy import public_names

    _FILES = {
        "command": (
            "DONE",
            "INCOMPLETE",
            "MOST_SEEDS",
            "WRONG_USAGE",
            "add_locations",
            "add_resources",
            "assignment",
            "import_meanwhile",
            "make_parser",
            "positive",
            "read_locations",
            "run_command",
            "up_to",
        ),
        "export_request": ("ExportRequest", "export_parser", "read_export_request"),
        "lines": ("say", "say_left_out"),
        "options": (
            "BACKBONE_FIELDS",
            "OPTIONS",
            "add_changes",
        ),
        "remembered_folders": (
            "remember",
            "remembered",
        ),
        "request": (
            "Chosen",
            "Request",
            "choose",
            "read_request",
        ),
        "terminal": (
            "ShownTable",
            "console",
        ),
    }
    __getattr__ = public_names(__name__, _FILES)

__all__ = [
    "BACKBONE_FIELDS",
    "DONE",
    "INCOMPLETE",
    "MOST_SEEDS",
    "OPTIONS",
    "WRONG_USAGE",
    "Chosen",
    "ExportRequest",
    "Request",
    "ShownTable",
    "add_changes",
    "add_locations",
    "add_resources",
    "assignment",
    "choose",
    "console",
    "export_parser",
    "import_meanwhile",
    "make_parser",
    "positive",
    "read_export_request",
    "read_locations",
    "read_request",
    "remember",
    "remembered",
    "run_command",
    "say",
    "say_left_out",
    "up_to",
]
