"""The command that tunes every arm alike: `python -m study.search STUDY ...`."""

import argparse
import shlex
import sys
from collections.abc import Collection, Iterable, Sequence
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
    fields_of,
    make_parser,
    positive,
    run_command,
    runs_folder,
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
    space_of,
)
from study.tuning import parse_dimension
from trainables.errors import ConfigurationError, StudyError

if TYPE_CHECKING:
    from rich.console import Console

TRIALS, SMOKE_TRIALS = 30, 3
FEWEST_SEEDS = 5  # a handful of rare validation images, of which fewer draws would be noise


def main(arguments: Sequence[str]) -> int:
    """Runs what the arguments ask for and returns the exit code."""
    args = _parser().parse_args(arguments)
    args.where = []
    if args.tuning_seeds < FEWEST_SEEDS:
        raise ConfigurationError(f"--tuning-seeds: got {args.tuning_seeds}; allowed: {FEWEST_SEEDS} or more")
    chosen = choose(args)
    arms, objectives = _known(args.arm or list(SEARCH_ARMS), SEARCH_ARMS, "arm"), _objectives(args.objective)
    bases = [base_of_search(study) for study in chosen.studies]
    changed = [tuple(parse_dimension(name, text, base) for name, text in args.space) for base in bases]
    for base, dimensions in zip(bases, changed, strict=True):
        for field in sorted(TELLS_ARMS_APART & fields_of(args)):
            raise ConfigurationError(f"{field}: it tells the arms of a search apart; --arm chooses among them")
        varied = {dimension.field for dimension in space_of(base, "latency" in objectives, dimensions)}
        for field in sorted(varied & fields_of(args)):
            raise ConfigurationError(f"{field}: a search varies it; --space {field}=A,B says between what")
    return _run(chosen, args, changed, arms, objectives)


def _run(
    chosen: Chosen, args: argparse.Namespace, changed: Sequence[tuple[Dimension, ...]], arms: tuple[str, ...],
    objectives: tuple[str, ...],
) -> int:  # fmt: skip
    from rich.console import Console

    from study.commandline import console, remember
    from study.execution import Lease, Resources, Settings
    from study.tuning import SearchPlan, database_errors, open_storage, tune_arms
    from trainables.storage import RunFolder

    runs = runs_folder(args)
    tracking = locations.tracking_uri(args.tracking_uri, runs)
    settings = Settings(
        runs, tracking, locations.data_root(args.data_root), args.seeds or (2 if args.smoke else None),
        Resources(args.cpus_per_trial, args.gpus_per_trial), chosen.weights, chosen.folders,
    )  # fmt: skip
    trials = args.trials or (SMOKE_TRIALS if args.smoke else TRIALS)
    as_markdown = args.format == "markdown"
    screen, code = (Console(stderr=True, markup=False, emoji=False) if as_markdown else console()), DONE
    storage = open_storage(args.storage, runs)
    for study, dimensions in zip(chosen.studies, changed, strict=True):
        plan = SearchPlan(trials, args.tuning_seeds, arms, dimensions, objectives)
        try:
            with Lease(RunFolder(runs), print), database_errors(args.storage):
                remember(RunFolder(runs), chosen.folders)
                tuned, outcome = tune_arms(study, plan, storage, settings, screen)
        except StudyError as error:
            if len(chosen.studies) == 1:
                raise
            print(f"failed: {study.name}: {error}", file=sys.stderr)
            code = INCOMPLETE
            continue
        if as_markdown:
            _print_markdown(tuned, runs)
        else:
            _show(tuned, runs, screen, tracking if outcome.tracked else None)
        for problem in outcome.problems:
            print(f"failed: {problem}", file=sys.stderr)
            code = INCOMPLETE
    if as_markdown:
        return code
    where = "STORAGE_URL" if args.storage else f"{runs}/search/journal.log"
    print(f"browse the trials (pip install optuna-dashboard): optuna-dashboard {where}")
    return code


def _show(study: Study, runs: str, screen: "Console", tracking_uri: str | None) -> None:
    from study.reporting import print_study, publish_figures
    from trainables.storage import RunFolder

    declared, folder = find([study.name])[0], RunFolder(runs)
    print_study(declared, folder, screen)
    publish_figures(declared, folder, tracking_uri, screen)
    keys = "--key KEY " if study.name_parts.search == "several" else ""
    print(f"next, verified ONNX files: {sys.executable} -m export {study.name} {keys}--runs {shlex.quote(runs)}")


def _print_markdown(study: Study, runs: str) -> None:
    from study.reporting import as_markdown, groups_of, tables_of
    from trainables.storage import RunFolder

    folder = RunFolder(runs)
    print("\n".join(as_markdown(group, tables_of(group, folder)) for group in groups_of(study, folder)))


def _objectives(text: str) -> tuple[str, ...]:
    names = _known(text.split(","), OBJECTIVES, "objective")
    if "minority_f1" not in names:
        raise ConfigurationError(f"--objective: got {text}; minority_f1 alone or minority_f1,latency")
    return tuple(name for name in OBJECTIVES if name in names)


def _known(given: Iterable[str], allowed: Collection[str], what: str) -> tuple[str, ...]:
    for name in given:
        if name not in allowed:
            raise ConfigurationError(f"unknown {what} {name!r}; allowed: {', '.join(allowed)}")
    return tuple(dict.fromkeys(given))


def _parser() -> argparse.ArgumentParser:
    parser = make_parser(
        "study.search", "Tune every arm of a study alike on validation, then compare the winners on test.",
        "python -m study.search digits --trials 30 --arm none --arm 'final BN'",
    )  # fmt: skip
    add = parser.add_argument
    add("studies", nargs="*", metavar="STUDY", help=f"default {DEFAULT}; arms change the control of its first pair")
    add("--trials", type=positive, metavar="N", help=f"of each arm; default {TRIALS}")
    add("--tuning-seeds", type=positive, default=FEWEST_SEEDS, metavar="N",
        help=f"a score is their mean; default and least {FEWEST_SEEDS}")  # fmt: skip
    add("--seeds", type=positive, metavar="N", help="fresh seeds of each winner; default 10")
    add("--arm", action="append", metavar="NAME", help=f"only these: {', '.join(SEARCH_ARMS)}")
    add("--space", type=assignment, action="append", default=[], metavar="FIELD=LOW..HIGH|A,B",
        help="change or add a dimension")  # fmt: skip
    add("--objective", default="minority_f1", metavar="NAMES", help=f"{','.join(OBJECTIVES)}: both give a Pareto front")
    add("--storage", metavar="URL", help="an Optuna database; default a journal file in the run folder")
    add("--format", choices=("table", "markdown"), default="table")
    add("--smoke", action="store_true", help=f"{SMOKE_TRIALS} trials of 2 epochs, recorded apart as STUDY-smoke-tuned")
    add_changes(parser)
    add_resources(parser)
    add_locations(parser)
    return parser


if __name__ == "__main__":
    run_command(main)
