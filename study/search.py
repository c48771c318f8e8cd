"""The command that tunes every arm alike: `python -m study.search STUDY ...`."""

import argparse
import sys
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from study import locations
from study.commandline import (
    DONE,
    INCOMPLETE,
    MOST_SEEDS,
    Chosen,
    Request,
    add_changes,
    add_locations,
    add_resources,
    assignment,
    choose,
    make_parser,
    read_request,
    run_command,
    say,
    up_to,
)
from study.studies import (
    DEFAULT,
    OBJECTIVES,
    SEARCH_ARMS,
    TELLS_ARMS_APART,
    Dimension,
    Study,
    base_of_search,
    find,
    search_arms,
    space_of,
)
from study.tuning import parse_dimension
from trainables.common import ConfigurationError, StudyError

if TYPE_CHECKING:
    from rich.console import Console

    from study.locations import Locations

TRIALS, SMOKE_TRIALS, MOST_TRIALS = 30, 3, 100_000
SMOKE_SEEDS = 2
FEWEST_SEEDS = 5  # a handful of rare validation images, of which fewer draws would be noise


@dataclass(frozen=True)
class SearchRequest:
    """What the options of a search alone ask for.

    Attributes:
        trials: of each arm.
        tuning_seeds: a trial's score is their mean.
        arms: of `search_arms`.
        space: (FIELD, text) of every dimension that is changed or added.
        objectives: of OBJECTIVES.
        storage: URL of an Optuna database; None for a journal file in the run folder.
        as_markdown: whether the tables are printed as Markdown, and all else on stderr.
    """

    trials: int
    tuning_seeds: int
    arms: tuple[str, ...]
    space: tuple[tuple[str, str], ...]
    objectives: tuple[str, ...]
    storage: str | None
    as_markdown: bool


def main(arguments: Sequence[str]) -> int:
    """Runs what the arguments ask for and returns the exit code."""
    args = parser().parse_args(arguments)
    if args.tuning_seeds < FEWEST_SEEDS:
        raise ConfigurationError(f"--tuning-seeds: got {args.tuning_seeds}; allowed: {FEWEST_SEEDS} or more")
    search = SearchRequest(
        trials=args.trials or (SMOKE_TRIALS if args.smoke else TRIALS),
        tuning_seeds=args.tuning_seeds,
        arms=_allowed(args.arm or list(search_arms()), search_arms(), "arm"),
        space=tuple(args.space),
        objectives=_objectives(args.objective),
        storage=args.storage,
        as_markdown=args.format == "markdown",
    )
    request = read_request(args)
    chosen = choose(request)
    return _run(chosen, request, search, [_dimensions(study, chosen, search) for study in chosen.studies])


def parser() -> argparse.ArgumentParser:
    """Returns the parser of this command's arguments."""
    command = make_parser(
        "study.search",
        "Tune every arm of a study alike on validation, then compare the winners on test.",
        "python -m study.search digits --trials 30 --arm none --arm 'final BN'",
    )
    add = command.add_argument
    add("studies", nargs="*", metavar="STUDY", help=f"default {DEFAULT}; arms change the control of its first pair")
    add("--trials", type=up_to(MOST_TRIALS), metavar="N", help=f"of each arm; default {TRIALS}")
    seeds = f"a score is their mean; default and least {FEWEST_SEEDS}"
    add("--tuning-seeds", type=up_to(MOST_SEEDS), default=FEWEST_SEEDS, metavar="N", help=seeds)
    add("--seeds", type=up_to(MOST_SEEDS), metavar="N", help="fresh seeds of each winner; default 10")
    add("--arm", action="append", metavar="NAME", help=f"only these: {', '.join(SEARCH_ARMS)}")
    space = "FIELD=LOW..HIGH|A,B"
    add("--space", type=assignment, action="append", default=[], metavar=space, help="change or add a dimension")
    add("--objective", default="minority_f1", metavar="NAMES", help=f"{','.join(OBJECTIVES)}: both give a Pareto front")
    add("--storage", metavar="URL", help="an Optuna database; default a journal file in the run folder")
    add("--format", choices=("table", "markdown"), default="table")
    add("--smoke", action="store_true", help=f"{SMOKE_TRIALS} trials of 2 epochs, recorded apart as STUDY-smoke-tuned")
    add_changes(command)
    add_resources(command)
    add_locations(command)
    return command


def _dimensions(study: Study, chosen: Chosen, search: SearchRequest) -> tuple[Dimension, ...]:
    """Returns the dimensions that `--space` changes or adds in the search of a study.

    Raises:
        ConfigurationError: a dimension that is none, an option that changes what a search varies or tells arms apart.
    """
    base = base_of_search(study)
    dimensions = tuple(parse_dimension(name, text, base) for name, text in search.space)
    for field in sorted(TELLS_ARMS_APART & chosen.named_fields):
        raise ConfigurationError(f"{field}: it tells the arms of a search apart; --arm chooses among them")
    varied = {dimension.field for dimension in space_of(base, "latency" in search.objectives, dimensions)}
    for field in sorted(varied & chosen.named_fields):
        raise ConfigurationError(f"{field}: a search varies it; --space {field}=A,B says between what")
    return dimensions


def _run(
    chosen: Chosen, request: Request, search: SearchRequest, dimensions_of: Sequence[tuple[Dimension, ...]]
) -> int:
    from rich.console import Console

    from study.commandline import console, remember
    from study.execution import Lease, Resources, Settings
    from study.tuning import SearchPlan, database_errors, open_storage, tune_arms
    from trainables.storage import RunFolder

    places = request.locations
    settings = Settings(
        runs=places.runs,
        tracking_uri=places.tracking_uri,
        data_root=places.data_root,
        num_seeds=request.num_seeds or (SMOKE_SEEDS if request.smoke else None),
        resources=Resources(request.cpus_per_trial, request.gpus_per_trial),
        stall_timeout=request.stall_timeout,
        weights=chosen.weights,
        folders=chosen.folders,
    )
    screen = Console(stderr=True, markup=False, emoji=False) if search.as_markdown else console()
    folder, storage = RunFolder(places.runs), open_storage(search.storage, places.runs)
    code = DONE
    for study, dimensions in zip(chosen.studies, dimensions_of, strict=True):
        plan = SearchPlan(search.trials, search.tuning_seeds, search.arms, dimensions, search.objectives)
        try:
            with Lease(folder, say), database_errors(search.storage):
                remember(folder, chosen.folders, chosen.weights)
                winners, outcome = tune_arms(study, plan, storage, settings, screen)
        except StudyError as error:
            if len(chosen.studies) == 1:
                raise
            say(f"failed: {study.name}: {error}", sys.stderr)
            code = INCOMPLETE
            continue
        if search.as_markdown:
            _print_markdown(winners, places.runs)
        else:
            _show(winners, places, screen, places.tracking_uri if outcome.tracked else None)
        for problem in outcome.problems:
            say(f"failed: {problem}", sys.stderr)
            code = INCOMPLETE
    if not search.as_markdown:
        url_or_file = "STORAGE_URL" if search.storage else f"{places.runs}/search/journal.log"
        say(f"browse the trials (pip install optuna-dashboard): optuna-dashboard {url_or_file}")
    return code


def _show(winners: Study, places: "Locations", screen: "Console", tracking_uri: str | None) -> None:
    from study.reporting import print_study, publish_figures
    from trainables.storage import RunFolder

    declared, folder = find([winners.name])[0], RunFolder(places.runs)
    print_study(declared, folder, screen)
    publish_figures(declared, folder, tracking_uri, screen)
    key = ["--key", "KEY"] if winners.name_parts.search == "several" else []
    export = locations.command_line("export", [winners.name, *key, *places.options])
    report = locations.command_line("study.report", [winners.name, "--wide", *places.options])
    say(f"every table, also of what the score depends on: {report}")
    say(f"next, verified ONNX files: {export}")


def _print_markdown(winners: Study, runs: str) -> None:
    from study.reporting import as_markdown, groups_of, tables_of
    from trainables.storage import RunFolder

    folder = RunFolder(runs)
    print("\n".join(as_markdown(group, tables_of(group, folder)) for group in groups_of(winners, folder)))


def _objectives(text: str) -> tuple[str, ...]:
    names = _allowed(text.split(","), OBJECTIVES, "objective")
    if "minority_f1" not in names:
        raise ConfigurationError(f"--objective: got {text}; minority_f1 alone or minority_f1,latency")
    return tuple(name for name in OBJECTIVES if name in names)


def _allowed(given: Iterable[str], allowed: Collection[str], kind: str) -> tuple[str, ...]:
    """Returns the names that are given, each once; raises ConfigurationError for one that is not allowed."""
    for name in given:
        if name not in allowed:
            raise ConfigurationError(f"unknown {kind} {name!r}; allowed: {', '.join(allowed)}")
    return tuple(dict.fromkeys(given))


if __name__ == "__main__":
    run_command(main)
