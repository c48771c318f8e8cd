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
        positive,
        read_locations,
        run_command,
        up_to,
    )
    from study.commandline.export_request import (
        ExportRequest,
        add_target,
        export_parser,
        read_export_request,
        read_target,
    )
    from study.commandline.options import BACKBONE_FIELDS, OPTIONS, add_changes
    from study.commandline.parser import CONSOLE_SCRIPT, make_parser, version_of_project
    from study.commandline.remembered_folders import changed_folders, remember, remembered, remembered_weights
    from study.commandline.request import Chosen, Request, choose, read_request
    from study.commandline.terminal import console, is_quiet, say, say_left_out, shown_table
else:
    from trainables.common import public_names

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
            "positive",
            "read_locations",
            "run_command",
            "up_to",
        ),
        "export_request": (
            "ExportRequest",
            "add_target",
            "export_parser",
            "read_export_request",
            "read_target",
        ),
        "options": (
            "BACKBONE_FIELDS",
            "OPTIONS",
            "add_changes",
        ),
        "parser": (
            "CONSOLE_SCRIPT",
            "make_parser",
            "version_of_project",
        ),
        "remembered_folders": (
            "changed_folders",
            "remember",
            "remembered",
            "remembered_weights",
        ),
        "request": (
            "Chosen",
            "Request",
            "choose",
            "read_request",
        ),
        "terminal": (
            "console",
            "is_quiet",
            "say",
            "say_left_out",
            "shown_table",
        ),
    }
    __getattr__ = public_names(__name__, _FILES)

__all__ = [
    "BACKBONE_FIELDS",
    "CONSOLE_SCRIPT",
    "DONE",
    "INCOMPLETE",
    "MOST_SEEDS",
    "OPTIONS",
    "WRONG_USAGE",
    "Chosen",
    "ExportRequest",
    "Request",
    "add_changes",
    "add_locations",
    "add_resources",
    "add_target",
    "assignment",
    "changed_folders",
    "choose",
    "console",
    "export_parser",
    "import_meanwhile",
    "is_quiet",
    "make_parser",
    "positive",
    "read_export_request",
    "read_locations",
    "read_request",
    "read_target",
    "remember",
    "remembered",
    "remembered_weights",
    "run_command",
    "say",
    "say_left_out",
    "shown_table",
    "up_to",
    "version_of_project",
]
