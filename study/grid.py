"""The command that runs studies: `python -m study.grid [STUDY ...]`."""

import argparse
import shlex
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

from study import locations
from study.commandline import (
    DONE,
    INCOMPLETE,
    Chosen,
    add_changes,
    add_locations,
    add_resources,
    assignment,
    choose,
    make_parser,
    positive,
    run_command,
    runs_folder,
)
from study.studies import DEFAULT, OWN, PAPER, STUDIES, find, in_words

if TYPE_CHECKING:
    from pathlib import Path

    from study.studies import Study

SHOWN = 3  # studies whose address in MLflow is printed


def main(arguments: Sequence[str]) -> int:
    """Runs what the arguments ask for and returns the exit code."""
    args = _parser().parse_args(arguments)
    if args.list:
        return _list(find(args.studies or list(STUDIES)), locations.data_root(args.data_root))
    runs = runs_folder(args)
    chosen = choose(args)
    if args.dry_run:
        return _dry_run(chosen.studies, args, runs)
    return _run(chosen, args, runs)


def _run(chosen: Chosen, args: argparse.Namespace, runs: str) -> int:
    from study.commandline import console, remember
    from study.execution import Lease, Resources, Settings, run_session
    from study.reporting import print_study, publish_figures, publish_page
    from trainables.errors import RecordError
    from trainables.storage import RunFolder

    studies = chosen.studies
    settings = Settings(
        runs, locations.tracking_uri(args.tracking_uri, runs), locations.data_root(args.data_root), args.seeds,
        Resources(args.cpus_per_trial, args.gpus_per_trial), chosen.weights, chosen.folders,
    )  # fmt: skip
    screen = console()
    with Lease(RunFolder(runs), print):
        remember(RunFolder(runs), chosen.folders)
        outcome = run_session(studies, settings, screen)
    uri = settings.tracking_uri if outcome.tracked else None
    declared = find([study.name for study in studies])
    for study in declared:
        print_study(study, RunFolder(runs), screen)
    for problem in outcome.problems:
        print(f"failed: {problem}", file=sys.stderr)
    print(f"{outcome.done_now} runs done, {outcome.already_done} were there, {len(outcome.problems)} failed or skipped")
    code = INCOMPLETE if outcome.problems else DONE
    try:  # whatever a full disk forbids now, the runs are recorded and told of
        for study in declared:
            publish_figures(study, RunFolder(runs), uri, screen)
        code = max(code, _export(studies, args, runs) if args.export else DONE)
        for study in declared if outcome.done_now or args.export else ():
            page = publish_page(study, RunFolder(runs), settings.data_root, uri)
            if page:
                print(f"page to read: {page}")
    except RecordError as error:
        print(f"error: {error}", file=sys.stderr)
        code = INCOMPLETE
    _say_what_is_next(studies, args, uri, runs)
    return code


def _export(studies: "list[Study]", args: argparse.Namespace, runs: str) -> int:
    """Exports what was run; a study that cannot be is named, the others are."""
    from study.exporting import main as export
    from trainables.errors import StudyError

    code = DONE
    for study in studies:
        try:
            given = ["--runs", runs, *_given(args, "data_root", "tracking_uri")]
            code = max(code, export([study.name, *_best(study, args), *given]))
        except StudyError as error:
            print(f"not exported: {error}", file=sys.stderr)
            code = INCOMPLETE
    return code


def _say_what_is_next(studies: "list[Study]", args: argparse.Namespace, tracking_uri: str | None, runs: str) -> None:
    if tracking_uri:
        print(f"browse: {locations.browse(tracking_uri)}")
        for address in _addresses(studies, tracking_uri, runs):
            print(f"there, the best configuration first: {address}")
    if not args.export:
        words = [studies[0].name, *_best(studies[0], args), *_given(args, "runs", "data_root", "tracking_uri")]
        shown = locations.without_password(shlex.join(words))
        print(f"next, verified ONNX files of these models: {sys.executable} -m export {shown}")
    if not args.studies:
        print(f"this was {DEFAULT}, the default; `python -m study.grid {PAPER}` runs all of `--list` but {OWN}")


def _addresses(studies: "list[Study]", tracking_uri: str, runs: str) -> list[str]:
    """Where MLflow's pages show each study; none where it cannot be asked."""
    from study.tracking import TrackingError, best_first, open_tracker, tracking_errors

    try:
        tracker = open_tracker(tracking_uri, runs)
        with tracking_errors():
            return [best_first(tracking_uri, tracker.experiment_id(study)) for study in studies[:SHOWN]]
    except TrackingError:
        return []


def _best(study: "Study", args: argparse.Namespace) -> list[str]:
    """Options of export: of somebody's own images the model to deploy, not every seed's."""
    return ["--best", "--data", args.data] if study.name_parts.base == OWN else []


def _list(studies: "list[Study]", data_root: "Path") -> int:
    from rich.table import Table

    from study.commandline import console
    from trainables.data import is_available

    table = Table("study", "source", "configurations", "runs", "data", "time on this machine", "what")
    for study in studies:
        sources = dict.fromkeys(arm.configuration.data.source for arm in study.arms)
        data = ", ".join(f"{source}{'' if is_available(source, data_root) else ' (missing)'}" for source in sources)
        runs = len(study.arms) * study.seeds
        table.add_row(
            study.name, study.source, str(len(study.arms)), str(runs), data, study.estimate(runs), study.title
        )
    console().print(table)
    print(
        f"data in {data_root}; missing data are downloaded where there is a network (MNIST) or got as the README says"
    )
    return DONE


def _dry_run(studies: "list[Study]", args: argparse.Namespace, runs: str) -> int:
    from study.execution import make_plan
    from trainables.storage import RunFolder

    plan = make_plan(studies, args.seeds, RunFolder(runs))
    for trial in plan.trials:
        print(f"{trial.study}  {trial.configuration.key}  {trial.arm}  seeds {','.join(map(str, trial.seeds))}")
    lefts = [sum(len(trial.seeds) for trial in plan.trials if trial.study == study.name) for study in studies]
    for study, left in zip(studies, lefts, strict=True):
        print(f"{study.name}: {len(study.arms)} configurations, {left} runs to do, {study.estimate(left)}")
    unknown = sum(left for study, left in zip(studies, lefts, strict=True) if study.seconds_per_run is None)
    more = f" and {unknown} runs whose time was not measured" if unknown else ""
    print(f"{plan.num_left} runs to do in {len(plan.trials)} trials, {len(plan.done)} done, in {runs}")
    seconds = sum(study.seconds_on(left) for study, left in zip(studies, lefts, strict=True))
    print(f"in all {in_words(seconds)}{more}{', then the export' if args.export else ''}")
    return DONE


def _given(args: argparse.Namespace, *names: str) -> list[str]:
    pairs = [(f"--{name.replace('_', '-')}", getattr(args, name)) for name in names]
    return [part for option, value in pairs if value is not None for part in (option, value)]


def _parser() -> argparse.ArgumentParser:
    parser = make_parser(
        "study.grid", "Run studies through Ray Tune; what is recorded already is not run again.",
        "python -m study.grid table7 --seeds 3 --set optimiser.learning_rate=0.003",
    )  # fmt: skip
    add = parser.add_argument
    of_papers = ", ".join(name for name in STUDIES if name != OWN)
    add("studies", nargs="*", metavar="STUDY",
        help=f"{of_papers}, {PAPER} for all of these, or {OWN} for your own folder; default {DEFAULT}")  # fmt: skip
    add("--list", action="store_true", help="say what the studies are and stop; with no STUDY, every one")
    add("--dry-run", action="store_true", help="print what would run and stop")
    add("--smoke", action="store_true", help="2 epochs, 2 seeds, recorded apart as STUDY-smoke")
    add("--seeds", type=positive, metavar="N", help="repetitions of each configuration")
    add("--where", type=assignment, action="append", default=[], metavar="FIELD=VALUE", help="only these arms")
    add_changes(parser)
    add("--export", action="store_true", help="then export to ONNX and verify")
    add_resources(parser)
    add_locations(parser)
    return parser


if __name__ == "__main__":
    run_command(main)
