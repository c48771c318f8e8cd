"""The command `python -m export.fold IN.onnx OUT.onnx`: the same outputs up to rounding."""

from collections.abc import Sequence

from study.commandline import DONE, run_command

DESCRIPTION = "Fold an ONNX classifier's final batch norm into the layer before it: the same outputs."


def main(arguments: Sequence[str]) -> int:
    """Writes the changed file and returns the exit code; a SurgeryError is one line and exit 2."""
    from export.surgery import change_file

    print(change_file("fold", DESCRIPTION, arguments))
    return DONE


if __name__ == "__main__":
    run_command(main)
