"""The command that runs studies: `python -m study.grid [STUDY ...]`."""

import argparse
import sys
from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING

from study import locations
from study.commandline import (
    DONE,
    INCOMPLETE,
    MOST_SEEDS,
    Chosen,
    ExportRequest,
    Request,
    add_changes,
    add_locations,
    add_resources,
    add_target,
    assignment,
    choose,
    import_meanwhile,
    make_parser,
    read_request,
    read_target,
    run_command,
    say,
    say_left_out,
    up_to,
)
from study.studies import DEFAULT, OWN, PAPER, STUDIES, find, in_words
from trainables.common import ConfigurationError
from trainables.evaluation import Target

if TYPE_CHECKING:
    from pathlib import Path

    from study.locations import Locations
    from study.studies import Study


def main(arguments: Sequence[str]) -> int:
    """Runs what the arguments ask for and returns the exit code."""
    args = parser().parse_args(arguments)
    if args.list:
        return _list(find(args.studies or list(STUDIES)), locations.data_root(args.data_root))
    request, target = read_request(args), read_target(args)
    if target and not args.export:
        raise ConfigurationError("--target, --cost and --prevalence are of the exported files; add --export")
    if args.refit and not args.export:
        raise ConfigurationError("--refit makes a file to deploy; add --export")
    chosen = choose(request)
    if args.refit and any(_own_source(study) is None for study in chosen.studies):
        raise ConfigurationError(f"--refit is of the study of your own images, {OWN}")
    if args.dry_run:
        return _dry_run(chosen.studies, request, args.export)
    return _run(chosen, request, args.export, target, args.refit)


def parser() -> argparse.ArgumentParser:
    """Returns the parser of this command's arguments."""
    command = make_parser(
        "study.grid",
        "Run studies through Ray Tune; what is recorded already is not run again.",
        "python -m study.grid table7 --seeds 3 --set optimiser.learning_rate=0.003",
    )
    add = command.add_argument
    of_papers = ", ".join(name for name in STUDIES if name != OWN)
    names = f"{of_papers}, {PAPER} for all of these, or {OWN} for your own folder; default {DEFAULT}"
    add("studies", nargs="*", metavar="STUDY", help=names)
    add("--list", action="store_true", help="say what the studies are and stop; with no STUDY, every one")
    add("--dry-run", action="store_true", help="print what would run and stop")
    add("--smoke", action="store_true", help="2 epochs, 2 seeds, recorded apart as STUDY-smoke")
    add("--seeds", type=up_to(MOST_SEEDS), metavar="N", help="repetitions of each configuration")
    add("--where", type=assignment, action="append", default=[], metavar="FIELD=VALUE", help="only these arms")
    add_changes(command)
    add("--export", action="store_true", help="then export to ONNX and verify")
    add("--refit", action="store_true", help="own images: then train the chosen setting on all of them, to deploy")
    add_target(command)
    add_resources(command)
    add_locations(command)
    return command


def _run(chosen: Chosen, request: Request, export: bool, target: Target | None, refits: bool) -> int:
    from study.commandline import changed_folders, console, remember
    from study.execution import Lease, Resources, Settings, doing, run_session
    from trainables.common import RecordError
    from trainables.storage import RunFolder

    import_meanwhile("study.reporting.page.contents", "scipy.stats")
    studies, places = chosen.studies, request.locations
    settings = Settings(
        runs=places.runs,
        tracking_uri=places.tracking_uri,
        data_root=places.data_root,
        num_seeds=request.num_seeds,
        resources=Resources(request.cpus_per_trial, request.gpus_per_trial),
        stall_timeout=request.stall_timeout,
        weights=chosen.weights,
        folders=chosen.folders,
    )
    screen, folder = console(), RunFolder(places.runs)
    with Lease(folder, say):
        for line in changed_folders(folder, chosen.folders, studies):
            say(line, screen)
        remember(folder, chosen.folders, chosen.weights)
        outcome = run_session(studies, settings, screen)
    from study.reporting import print_study, publish_figures, publish_page

    uri = places.tracking_uri if outcome.tracked else None
    declared_studies = find([study.name for study in studies])
    for study in declared_studies:
        print_study(study, folder, screen)
    say_left_out(folder)
    for problem in outcome.problems:
        say(f"failed: {problem}", sys.stderr)
    print(f"{outcome.done_now} runs done, {outcome.already_done} were there, {len(outcome.problems)} failed or skipped")
    code = INCOMPLETE if outcome.problems else DONE
    try:  # whatever a full disk forbids now, the runs are recorded and told of
        for study in declared_studies:
            with doing(screen, f"drawing the figures of {study.name}"):
                publish_figures(study, folder, uri, screen)
        if export:
            code = max(code, _export(studies, places, target))
        if refits:
            from study.refitting import refit

            code = max(code, *(refit(study, settings, target, screen) for study in studies))
        for study in declared_studies if outcome.done_now or export else ():
            with doing(screen, f"writing the page of {study.name}"):
                page = publish_page(study, folder, places.data_root, uri)
            if page:
                say(f"page to read: {page}")
    except RecordError as error:
        say(f"error: {error}", sys.stderr)
        code = INCOMPLETE
    names = list(dict.fromkeys(study.name for study in studies))
    say(f"every table: {locations.command_line('study.report', [*names, '--wide', *places.options])}")
    if uri:
        say(f"in MLflow: {locations.command_line('study.report', [*names, '--browse', *places.options])}")
    if not export:
        _say_how_to_export(studies[0], places)
    if not request.studies:
        print(f"this was {DEFAULT}, the default; `python -m study.grid {PAPER}` runs all of `--list` but {OWN}")
    return code


def _export(studies: "Sequence[Study]", places: "Locations", target: Target | None) -> int:
    """Exports what was run; a study that cannot be is named, the others are."""
    from study.exporting import export_study
    from trainables.common import StudyError

    code = DONE
    for study in studies:
        source = _own_source(study)
        is_own = source is not None
        keys = frozenset(arm.configuration.key for arm in study.arms) if is_own else None  # what ran now, alone
        request = ExportRequest(study.name, places, source=source, keys=keys, best=is_own, target=target)
        try:
            code = max(code, export_study(request))
        except StudyError as error:
            say(f"not exported: {error}", sys.stderr)
            code = INCOMPLETE
    return code


def _say_how_to_export(study: "Study", places: "Locations") -> None:
    source = _own_source(study)
    of_own_images = [] if source is None else ["--best", "--data", source]
    export = locations.command_line("export", [study.name, *of_own_images, *places.options])
    say(f"next, verified ONNX files of these models: {export}")


def _own_source(study: "Study") -> str | None:
    """Returns the data of a study of somebody's own images, of which export takes the model to deploy alone."""
    is_own = study.name_parts.base == OWN
    return study.arms[0].configuration.data.source if is_own else None


def _list(studies: "Sequence[Study]", data_root: "Path") -> int:
    from study.commandline import console
    from study.reporting import list_table
    from trainables.data import is_available

    screen = console()
    table = list_table(studies, partial(is_available, data_root=data_root), screen.width)
    screen.print(table)
    say(f"data in {data_root}; missing data are downloaded where there is a network (MNIST) or got as the README says")
    return DONE


def _dry_run(studies: "Sequence[Study]", request: Request, export: bool) -> int:
    from study.commandline import console
    from study.execution import make_plan
    from study.reporting import trials_table
    from trainables.storage import RunFolder

    runs = request.locations.runs
    plan = make_plan(studies, request.num_seeds, RunFolder(runs))
    num_left = {study.name: 0 for study in studies}
    for trial in plan.trials:
        num_left[trial.study] += len(trial.seeds)
    num_unmeasured = sum(num_left[study.name] for study in studies if study.seconds_per_run is None)
    unmeasured = f" and {num_unmeasured} runs whose time was not measured" if num_unmeasured else ""
    say(f"{plan.num_left} runs to do in {len(plan.trials)} trials, {len(plan.done)} done, in {runs}")
    seconds = sum(study.seconds_on(num_left[study.name]) for study in studies)
    print(f"in all {in_words(seconds)}{unmeasured}{', then the export' if export else ''}")
    for study in studies:
        number = num_left[study.name]
        print(f"{study.name}: {len(study.arms)} configurations, {number} runs to do, {study.estimate(number)}")
    if plan.trials:
        console().print(trials_table(plan.trials))
    return DONE


if __name__ == "__main__":
    run_command(main)
