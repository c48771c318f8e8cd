"""The command `python -m export.remove IN.onnx OUT.onnx`: other outputs, so measure them."""

from collections.abc import Sequence

from export.fold import change
from study.commandline import run_command


def main(arguments: Sequence[str]) -> int:
    """Writes the changed file and returns the exit code; a SurgeryError is one line and exit 2."""
    return change(
        "remove", "Remove an ONNX classifier's final batch norm (K21 H1): other outputs, so measure them.", arguments
    )


if __name__ == "__main__":
    run_command(main)
