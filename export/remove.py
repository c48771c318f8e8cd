"""The command `python -m export.remove IN.onnx OUT.onnx`: other outputs, so measure them."""

from collections.abc import Sequence

from study.commandline import DONE, run_command

DESCRIPTION = "Remove an ONNX classifier's final batch norm (K21 H1): other outputs, so measure them."


def main(arguments: Sequence[str]) -> int:
    """Writes the changed file and returns the exit code; a SurgeryError is one line and exit 2."""
    from export.surgery import change_file

    print(change_file("remove", DESCRIPTION, arguments))
    return DONE


if __name__ == "__main__":
    run_command(main)
