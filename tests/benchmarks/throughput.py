"""Side by side: this project, and the same work written from the documentation of its parts.

`python -m tests.benchmarks.throughput --quick` takes under five minutes with MNIST at hand. Ratios are what counts:
both sides run on the same machine in the same call. A ratio is void where the two sides' F1 differ by more than noise.
"""

import argparse
import sys
from pathlib import Path

from study import locations
from study.commandline import command
from study.commandline.parser import make_parser
from study.commandline.terminal import console
from tests.benchmarks import against, growth, limit
from tests.benchmarks.comparison import WORKS, Comparer
from trainables.data import datasets


def main() -> int:
    """Runs what the arguments ask for and prints it; returns the exit code."""
    args = _parser().parse_args()
    screen = console()
    data_root = locations.data_root(args.data_root)
    repeats = args.repeats or (1 if args.quick else 3)
    if args.against:
        screen.print(against.table(args.against, repeats, data_root, args.weights, args.only or (), screen.print))
        return command.DONE
    for work in WORKS:
        if args.only and work.study not in args.only:
            continue
        missing = _missing(work.study, data_root, args.weights)
        if missing:
            screen.print(f"{work.study} is left out: it takes {missing}", soft_wrap=True)
            continue
        epochs, seeds = (work.quick_epochs, work.quick_seeds) if args.quick else (work.epochs, work.seeds)
        screen.print(Comparer(work, epochs, seeds, data_root, args.weights, args.fastai, args.quick).table(repeats))
    if not args.only or "growth" in args.only:
        screen.print(growth.table((30, 300) if args.quick else (30, 300, 3000)))
    if not args.only or "limit" in args.only:
        screen.print(limit.table(data_root, args.weights))
    return command.DONE


def _missing(study: str, data_root: Path, weights: str | None) -> str:
    """Returns what a part needs and is not at hand; empty where nothing is missing."""
    source, option = ("plantvillage:Apple", "PlantVillage") if study == "figure2a" else ("mnist", "MNIST")
    if not datasets.is_available(source, data_root):
        return f"{option}, which is not in {data_root} (--data-root)"
    return "--weights FILE, a ResNet-18 state dict" if study == "figure2a" and weights is None else ""


def _parser() -> argparse.ArgumentParser:
    parser = make_parser(
        "tests.benchmarks.throughput", "Compare this project with the same work written from the documentation.",
        "python -m tests.benchmarks.throughput --quick --data-root ~/data",
    )  # fmt: skip
    add = parser.add_argument
    add("--quick", action="store_true", help="smaller shares, one repetition: under five minutes")
    add("--only", action="append", metavar="PART", help=", ".join([*(w.study for w in WORKS), "growth", "limit"]))
    add("--against", metavar="COMMIT", help="another commit of this project: the same commands with both, in turn")
    add("--repeats", type=command.positive, metavar="N", help="default 3, with --quick 1")
    add("--data-root", metavar="DIR", help="where MNIST and PlantVillage lie")
    add("--weights", metavar="FILE", help="state dict of a ResNet-18 up to layer3 or whole, for figure2a")
    add("--fastai", metavar="PYTHON", help="of an environment with fastai, to compare figure2a with it too")
    return parser


if __name__ == "__main__":
    sys.exit(main())
