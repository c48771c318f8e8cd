"""The command that reads records: `python -m study.report [STUDY ...]` prints tables and verdicts."""

import argparse
import json
import shlex
import sys
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from study import locations
from study.commandline import DONE, INCOMPLETE, add_locations, make_parser, run_command, runs_folder
from study.studies import DEFAULT, find, names_of_studies

if TYPE_CHECKING:
    from study.studies import Study
    from trainables.storage import Record, RunFolder


def main(arguments: Sequence[str]) -> int:
    """Reports what the arguments ask for and returns the exit code."""
    args = _parser().parse_args(arguments)

    from study.commandline import console
    from study.reporting import as_data, as_markdown, groups_of, print_study, tables_of, verdicts_of
    from trainables.storage import RunFolder

    folder = RunFolder(runs_folder(args))
    studies = find(args.studies or names_of_studies(folder.studies()) or [DEFAULT])
    code = _sync(studies, args, folder) if args.sync else DONE
    if args.format == "json":
        data = [as_data(found, verdicts_of(found)) for study in studies for found in groups_of(study, folder)]
        print(json.dumps(data, indent=1, allow_nan=False))
        return code if data else INCOMPLETE
    if args.format == "markdown":
        sections = [
            as_markdown(found, tables_of(found, folder)) for study in studies for found in groups_of(study, folder)
        ]
        print("\n".join(sections))
        return code if sections else INCOMPLETE
    if args.format == "html":
        return max(code, _write_pages(studies, args, folder))
    found = [print_study(study, folder, console()) for study in studies]
    if any(found):
        there = " ".join(study.name for study, its in zip(studies, found, strict=True) if its)
        where = shlex.quote(folder.url)
        print(f"with every figure, to read in a browser: python -m study.report {there} --format html --runs {where}")
    return code if all(found) else INCOMPLETE


def _write_pages(studies: "list[Study]", args: argparse.Namespace, folder: "RunFolder") -> int:
    """Writes a page per study and prints where; MLflow gets it too where it is to be had."""
    from study.reporting import maker, publish_page

    uri = locations.tracking_uri(args.tracking_uri, folder.url)
    pages = [publish_page(study, folder, locations.data_root(args.data_root), uri) for study in studies]
    for study, page in zip(studies, pages, strict=True):
        print(page or f"{study.name}: no finished run in {folder.url}; {maker(study.name)} makes them")
    return DONE if all(pages) else INCOMPLETE


def _sync(studies: "list[Study]", args: argparse.Namespace, folder: "RunFolder") -> int:
    """Brings MLflow in line with the records; the one place where its failure is this command's failure."""
    from rich.console import Console

    from study.execution import CountProgress
    from study.tracking import TrackingError, open_tracker

    uri = locations.tracking_uri(args.tracking_uri, folder.url)
    try:
        tracker = open_tracker(uri, folder.url)
        work = [(study, its) for study in studies for its in _by_key(folder.records(study.name)).values()]
        written = 0
        screen = Console(stderr=True)
        with CountProgress(len(work), screen, "configurations to MLflow") as progress:
            for study, records in work:
                written += tracker.sync(study, records)
                progress.add()
    except TrackingError as error:
        print(f"error: {error}", file=sys.stderr)
        return INCOMPLETE
    print(f"MLflow {locations.without_password(str(uri))}: {written} runs written", file=sys.stderr)
    return DONE


def _by_key(records: "Iterable[Record]") -> "dict[str, list[Record]]":
    groups: dict[str, list[Record]] = {}
    for record in records:
        groups.setdefault(record.key, []).append(record)
    return groups


def _parser() -> argparse.ArgumentParser:
    parser = make_parser("study.report", "Print what the records show.", "python -m study.report digits --format json")
    add = parser.add_argument
    add("studies", nargs="*", metavar="STUDY", help="default: every study with records")
    add("--sync", action="store_true", help="bring MLflow in line with the records first")
    add("--format", choices=("table", "json", "markdown", "html"), default="table")
    add_locations(parser)
    return parser


if __name__ == "__main__":
    run_command(main)
