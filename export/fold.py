"""The command `python -m export.fold IN.onnx OUT.onnx`: the same outputs up to rounding."""

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from study.commandline import DONE, make_parser, run_command


def main(arguments: Sequence[str]) -> int:
    """Writes the changed file and returns the exit code; a SurgeryError is one line and exit 2."""
    return change(
        "fold", "Fold an ONNX classifier's final batch norm into the layer before it: the same outputs.", arguments
    )


def change(what: Literal["fold", "remove"], description: str, arguments: Sequence[str]) -> int:
    """Does a command's one change to a file and returns the exit code."""
    parser = make_parser(f"export.{what}", description, f"python -m export.{what} model.onnx changed.onnx")
    parser.add_argument("source", metavar="IN.onnx", type=Path)
    parser.add_argument("target", metavar="OUT.onnx", type=Path)
    args = parser.parse_args(arguments)

    from export.surgery import fold, remove, rewrite

    print(rewrite({"fold": fold, "remove": remove}[what], args.source, args.target))
    return DONE


if __name__ == "__main__":
    run_command(main)
