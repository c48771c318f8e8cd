"""The command `python -m export.fold IN.onnx OUT.onnx`: the same outputs up to rounding."""

from collections.abc import Sequence
from pathlib import Path

from study import command


def main(arguments: Sequence[str]) -> int:
    """Writes the changed file and returns the exit code; a SurgeryError is one line and exit 2."""
    parser = command.parser(
        "export.fold", "Fold an ONNX classifier's final batch norm into the layer before it: the same outputs.",
        "python -m export.fold model.onnx changed.onnx",
    )  # fmt: skip
    parser.add_argument("source", metavar="IN.onnx", type=Path)
    parser.add_argument("target", metavar="OUT.onnx", type=Path)
    args = parser.parse_args(arguments)

    from export import surgery
    from export.rewrite import rewrite

    print(rewrite(surgery.fold, args.source, args.target))
    return command.DONE


if __name__ == "__main__":
    command.run(main)
