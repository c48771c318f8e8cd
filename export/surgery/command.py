"""What the commands `export.fold` and `export.remove` share: their arguments, and the change they make to a file."""

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

Claim = Literal["fold", "remove"]


def make_parser(claim: Claim, description: str) -> argparse.ArgumentParser:
    """Returns the strict parser of a command that reads one ONNX file and writes another."""
    parser = argparse.ArgumentParser(
        prog=f"python -m export.{claim}",
        description=description,
        epilog=f"example: python -m export.{claim} model.onnx changed.onnx",
        allow_abbrev=False,
    )
    parser.add_argument("source", metavar="IN.onnx", type=Path)
    parser.add_argument("target", metavar="OUT.onnx", type=Path)
    return parser


def change_file(claim: Claim, description: str, arguments: Sequence[str]) -> str:
    """Writes the changed file and returns the line that says what was done; raises SurgeryError where it cannot."""
    args = make_parser(claim, description).parse_args(arguments)

    from export.surgery.final_norm import fold, remove
    from export.surgery.rewrite import rewrite

    return rewrite({"fold": fold, "remove": remove}[claim], args.source, args.target, claim)
