"""The command `python -m export.remove IN.onnx OUT.onnx`: other outputs: measure them."""

from collections.abc import Sequence
from pathlib import Path

from study import command


def main(arguments: Sequence[str]) -> int:
    """Writes the changed file and returns the exit code; a SurgeryError is one line and exit 2."""
    parser = command.parser(
        "export.remove", "Remove an ONNX classifier's final batch norm (K21 H1): other outputs, so measure them.",
        "python -m export.remove model.onnx changed.onnx",
    )  # fmt: skip
    parser.add_argument("source", metavar="IN.onnx", type=Path)
    parser.add_argument("target", metavar="OUT.onnx", type=Path)
    args = parser.parse_args(arguments)

    from export import surgery
    from export.rewrite import rewrite

    print(rewrite(surgery.remove, args.source, args.target))
    return command.DONE


if __name__ == "__main__":
    command.run(main)
