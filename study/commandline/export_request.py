"""What the export of a study was asked for: by `python -m export`, or by another command when its runs are done."""

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from study.commandline.command import add_locations, read_locations
from study.commandline.parser import make_parser
from study.locations import Locations
from study.studies import DEFAULTS
from trainables.common import ConfigurationError
from trainables.evaluation import Target

REACHABLE = ("recall", "precision")
COSTS = ("miss", "alarm")


@dataclass(frozen=True)
class ExportRequest:
    """What is exported of a study, and where to.

    Attributes:
        study: name of a study with finished runs.
        locations: where runs, MLflow and data lie.
        key: of one configuration to export instead of the declared pair; None for the pair.
        source: the only data to take, as a configuration names them; None for all.
        keys: of configurations, one of which a group of runs has to have to be exported; None takes every group.
        defaults: only the runs with these defaults, as `--defaults` of study.grid names them; None for all.
        every_arm: whether every arm is exported instead of the first declared pair.
        best: whether only the best run of each arm is, by validation, and the best arm besides the pair.
        require_h1: whether it is a failure if H1 is not reproduced.
        output: folder for the files; None for onnx/STUDY in the run folder, here if that is a URL.
        as_markdown: whether the table is printed as Markdown.
        opset: ONNX's, of the files.
        batch: images at a time, where a device wants that fixed; None for any.
        resize_inside: whether the files take images of any size and resize them as training did.
        target: what the threshold of further files is chosen for; None for no such files.

    Raises:
        ConfigurationError: wishes that exclude each other.
    """

    study: str
    locations: Locations
    key: str | None = None
    source: str | None = None
    keys: frozenset[str] | None = None
    defaults: str | None = None
    every_arm: bool = False
    best: bool = False
    require_h1: bool = False
    output: Path | None = None
    as_markdown: bool = False
    opset: int = 18
    batch: int | None = None
    resize_inside: bool = False
    target: Target | None = None

    def __post_init__(self) -> None:
        if self.require_h1 and (self.best or self.every_arm):
            raise ConfigurationError("--require-h1 judges all seeds of the declared pair; not with --best or --all")
        if self.key and self.every_arm:
            raise ConfigurationError("--key exports one configuration; not with --all")


def export_parser() -> argparse.ArgumentParser:
    """Returns the parser of `python -m export`."""
    command = make_parser(
        "export",
        "Write a study's final-BN models as ONNX (kept, folded, removed, none) and verify each.",
        "python -m export digits --require-h1",
    )
    add = command.add_argument
    add("study", metavar="STUDY", help="a study with finished runs")
    add("--key", metavar="KEY", help="one configuration instead of the study's declared pair")
    add("--output", metavar="DIR", help="default: onnx/STUDY in the run folder, here if that is a URL")
    add("--data", metavar="SOURCE", help="only these data: plantvillage:Apple, or folder:... as study.grid prints")
    add("--defaults", metavar="TOOL", choices=DEFAULTS, help=f"only runs with these defaults: {' | '.join(DEFAULTS)}")
    add("--all", action="store_true", help="every arm instead of the study's first declared pair")
    add("--best", action="store_true", help="only the run of each arm with the best validation F1, and the best arm")
    add("--opset", metavar="N", type=int, default=18, help="ONNX's, 13 to 18 (default: 18)")
    add("--batch", metavar="N", type=int, help="1: fix one image at a time, as mobile accelerators want (default: any)")
    add("--resize-inside", action="store_true", help="the files take images of any size and resize as training did")
    add_target(command)
    add("--format", choices=("table", "markdown"), default="table")
    add("--require-h1", action="store_true", help="fail (exit 1) unless H1 is reproduced")
    add_locations(command)
    return command


def read_export_request(arguments: Sequence[str]) -> ExportRequest:
    """Returns what the arguments of `python -m export` ask for.

    Raises:
        ConfigurationError: wishes that exclude each other.
    """
    args = export_parser().parse_args(arguments)
    return ExportRequest(
        study=args.study,
        locations=read_locations(args),
        key=args.key,
        source=args.data,
        defaults=args.defaults,
        every_arm=args.all,
        best=args.best,
        require_h1=args.require_h1,
        output=Path(args.output) if args.output else None,
        as_markdown=args.format == "markdown",
        opset=args.opset,
        batch=args.batch,
        resize_inside=args.resize_inside,
        target=read_target(args),
    )


def add_target(parser: argparse.ArgumentParser) -> None:
    """Adds the options that say what a decision threshold is chosen for."""
    add = parser.add_argument
    add("--target", metavar="recall=R|precision=P", help="export also files whose threshold reaches it on validation")
    add("--cost", metavar="miss=C,alarm=C", help="export also files whose threshold costs least on validation")
    add("--prevalence", metavar="P", help="share of the rare class in deployment, as in 0.001; precision is for it")


def read_target(args: argparse.Namespace) -> Target | None:
    """Returns what the threshold is to do; None where no option says so.

    Raises:
        ConfigurationError: a target and a cost, a form or a number that is not allowed.
    """
    if args.target and args.cost:
        raise ConfigurationError("--target and --cost: one of them chooses the threshold; give one")
    prevalence = None if args.prevalence is None else _number("--prevalence", args.prevalence)
    if args.target:
        kind, _, value = args.target.partition("=")
        if kind not in REACHABLE or not value:
            raise ConfigurationError(f"--target: got {args.target!r}; the form is recall=0.95 or precision=0.9")
        return Target(kind, least=_number(f"--target {kind}", value), prevalence=prevalence)
    if args.cost:
        costs = dict(part.partition("=")[::2] for part in args.cost.split(","))
        if set(costs) != set(COSTS):
            raise ConfigurationError(f"--cost: got {args.cost!r}; the form is miss=10,alarm=1")
        numbers = {name: _number(f"--cost {name}", costs[name]) for name in COSTS}
        return Target("cost", prevalence=prevalence, **numbers)
    return None if prevalence is None else Target(prevalence=prevalence)


def _number(option: str, text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise ConfigurationError(f"{option}: got {text!r}; a number is needed") from None
