"""Every command under one name: `final-bn grid digits` is `python -m study.grid digits`."""

import argparse
import sys
from collections.abc import Sequence
from difflib import get_close_matches
from importlib import import_module

from study.commandline import CONSOLE_SCRIPT, DONE, WRONG_USAGE, run_command, version_of_project

COMMANDS = {  # name -> its module, and what it does
    "grid": ("study.grid", "run studies"),
    "search": ("study.search", "tune every arm alike, then compare the winners"),
    "report": ("study.report", "tables, verdicts, pages of what is recorded"),
    "doctor": ("study.doctor", "check this set-up"),
    "export": ("study.exporting", "ONNX files of a study's models, verified"),
    "fold": ("export.fold", "fold the final BN of any ONNX classifier"),
    "remove": ("export.remove", "take the final BN of any ONNX classifier off"),
    "edge": ("export.edge", "classify images with an ONNX file"),
    "evaluate": ("export.evaluate", "judge an ONNX file on labelled images"),
}
SHELLS = ("bash", "zsh", "tcsh")
COMPLETED = ("grid", "search", "report", "doctor", "export")


def main(arguments: Sequence[str] | None = None) -> None:
    """Runs a command and exits with its code: 2 where there is no such command."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    name = words[0] if words else "--help"
    if name in ("-h", "--help"):
        print(_help())
    elif name == "--version":
        print(version_of_project())
    elif name == "completion":
        sys.exit(_print_completion(words[1:]))
    elif name in COMMANDS:
        run_command(import_module(COMMANDS[name][0]).main, words[1:])
    else:
        near = get_close_matches(name, COMMANDS, n=1)
        hint = f" (did you mean {near[0]}?)" if near else ""
        print(f"error: unknown command {name!r}{hint}; allowed: {', '.join(COMMANDS)}, completion", file=sys.stderr)
        sys.exit(WRONG_USAGE)
    sys.exit(DONE if words else WRONG_USAGE)


def _help() -> str:
    lines = [f"  {name:<11} {what}" for name, (_, what) in COMMANDS.items()]
    completion = f"  {'completion':<11} print what completes these in a shell: {', '.join(SHELLS)}"
    how = f"{CONSOLE_SCRIPT} COMMAND --help says more; python -m study COMMAND is the same"
    return "\n".join([f"usage: {CONSOLE_SCRIPT} COMMAND ...", "", *lines, completion, "", how])


def _print_completion(words: Sequence[str]) -> int:
    """Prints a script that a shell reads to complete commands, options and names of studies; returns the exit code."""
    if list(words) not in [[shell] for shell in SHELLS]:
        got = " ".join(words) or "nothing"
        print(f"error: completion of which shell? got {got}; allowed: {', '.join(SHELLS)}", file=sys.stderr)
        return WRONG_USAGE
    import shtab

    print(shtab.complete(_parser_of_all(), words[0]))
    return DONE


def _parser_of_all() -> argparse.ArgumentParser:
    """Returns a parser that has each command as a part: never parsed with, read by what completes."""
    from study.studies import PAPER, STUDIES

    whole = argparse.ArgumentParser(prog=CONSOLE_SCRIPT)
    parts = whole.add_subparsers(dest="command", parser_class=argparse.ArgumentParser)
    for name, (module, what) in COMMANDS.items():
        own = [import_module(module).parser()] if name in COMPLETED else []
        part = parts.add_parser(name, help=what, parents=own, add_help=not own)
        for action in part._actions:
            if action.dest in ("studies", "study"):
                action.choices = [*STUDIES, PAPER]
    parts.add_parser("completion", help="print what completes these").add_argument("shell", choices=SHELLS)
    return whole


if __name__ == "__main__":
    main()
