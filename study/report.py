"""The command that reads records: `python -m study.report [STUDY ...]` prints tables and verdicts."""

import argparse
import json
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

from study import command, places
from study.studies import DEFAULT, STUDIES, find

if TYPE_CHECKING:
    from rich.console import Console

    from study.claims import Verdict
    from study.declaration import Study
    from study.groups import Group
    from trainables.records import RunFolder

SMOKE = "-smoke"


def main(arguments: Sequence[str]) -> int:
    """Reports what the arguments ask for and returns the exit code."""
    from study.tables import as_data, console
    from trainables.records import RunFolder

    args = _parser().parse_args(arguments)
    runs = places.runs_folder(args.runs)
    names = args.studies or [name for name in STUDIES if any(RunFolder(runs).records(name))] or [DEFAULT]
    studies = [declared(name) for name in names]
    code = _sync(studies, args, runs) if args.sync else command.DONE
    if args.format == "json":
        data = [as_data(group, _verdicts(group)) for study in studies for group in _groups(study, RunFolder(runs))]
        print(json.dumps(data, indent=1, allow_nan=False))
        return code if data else command.INCOMPLETE
    found = [print_study(name, runs, console()) for name in names]
    return code if all(found) else command.INCOMPLETE


def print_study(name: str, runs: str, screen: "Console") -> bool:
    """Prints the tables of every group of a study; returns whether there was a record."""
    from study.tables import arms_table, claims_table, pairs_table
    from trainables.records import RunFolder

    groups = _groups(declared(name), RunFolder(runs))
    for group in groups:
        screen.print(arms_table(group))
        for table in (pairs_table(group), claims_table(_verdicts(group))):
            if table is not None:
                screen.print(table)
    if not groups:
        screen.print(f"{name}: no finished run in {runs}; python -m study.grid {name} makes them", highlight=False)
    return bool(groups)


def declared(name: str) -> "Study":
    """Returns the declaration of a study, also under its smoke name.

    Raises:
        ConfigurationError: no such study.
    """
    if name.endswith(SMOKE):
        return find([name.removesuffix(SMOKE)])[0].smoke()
    return find([name])[0]


def _groups(study: "Study", folder: "RunFolder") -> "list[Group]":
    from study.groups import group

    return group(study, folder.records(study.name))


def _verdicts(group: "Group") -> "list[Verdict]":
    from study.claims import judge

    return [judge(claim, group) for claim in group.study.claims]


def _sync(studies: "list[Study]", args: argparse.Namespace, runs: str) -> int:
    """Brings MLflow in line with the records; the one place where its failure is this command's failure."""
    from study.tracking import TrackingError, open_tracker
    from trainables.records import RunFolder

    uri = places.tracking_uri(args.tracking_uri, runs)
    try:
        tracker = open_tracker(uri, runs)
        written = sum(tracker.sync(study, RunFolder(runs).records(study.name)) for study in studies)
    except TrackingError as error:
        print(f"error: {error}", file=sys.stderr)
        return command.INCOMPLETE
    print(f"MLflow {uri}: {written} runs written")
    return command.DONE


def _parser() -> argparse.ArgumentParser:
    parser = command.parser(
        "study.report", "Print what the records show.", "python -m study.report digits --format json"
    )
    add = parser.add_argument
    add("studies", nargs="*", metavar="STUDY", help="default: every study with records")
    add("--sync", action="store_true", help="bring MLflow in line with the records first")
    add("--format", choices=("table", "json"), default="table")
    command.add_places(parser)
    return parser


if __name__ == "__main__":
    command.run(main)
