"""The command that reads records: `python -m study.report [STUDY ...]` prints tables and verdicts."""

import argparse
import json
import shlex
import sys
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from study import locations
from study.commandline import DONE, INCOMPLETE, add_locations, make_parser, read_locations, run_command
from study.studies import DEFAULT, find, names_of_studies

if TYPE_CHECKING:
    from study.locations import Locations
    from study.studies import Study
    from trainables.storage import Record, RunFolder


def main(arguments: Sequence[str]) -> int:
    """Reports what the arguments ask for and returns the exit code."""
    args = parser().parse_args(arguments)

    from trainables.storage import RunFolder

    places = read_locations(args)
    folder = RunFolder(places.runs)
    studies = find(args.studies or names_of_studies(folder.studies()) or [DEFAULT])
    code = _sync(studies, places, folder) if args.sync else DONE
    if args.format == "html":
        return max(code, _write_pages(studies, places, folder))
    show = {
        "csv": _print_csv,
        "parquet": _write_parquet,
        "json": _print_json,
        "markdown": _print_markdown,
        "table": _print_tables,
    }[args.format]
    is_complete = show(studies, folder)
    return code if is_complete else INCOMPLETE


def parser() -> argparse.ArgumentParser:
    """Returns the parser of this command's arguments."""
    command = make_parser("study.report", "Print what the records show.", "python -m study.report digits --format json")
    add = command.add_argument
    add("studies", nargs="*", metavar="STUDY", help="default: every study with records")
    add("--sync", action="store_true", help="bring MLflow in line with the records first")
    add("--format", choices=("table", "json", "markdown", "html", "csv", "parquet"), default="table",
        help="csv, parquet: a row per run, as study.evidence.results gives it")  # fmt: skip
    add_locations(command)
    return command


def _print_json(studies: "list[Study]", folder: "RunFolder") -> bool:
    """Prints every group of records; returns whether there is one."""
    from study.reporting import as_data, groups_of, verdicts_of

    data = [as_data(group, verdicts_of(group)) for study in studies for group in groups_of(study, folder)]
    print(json.dumps(data, indent=1, allow_nan=False))
    return bool(data)


def _print_csv(studies: "list[Study]", folder: "RunFolder") -> bool:
    """Prints a line per run; returns whether there is one."""
    from study.evidence import results

    runs = results(folder.url, [study.name for study in studies])
    if len(runs):
        print(runs.to_csv(index=False), end="")
    return _has_rows(len(runs), folder)


def _write_parquet(studies: "list[Study]", folder: "RunFolder") -> bool:
    """Writes a row per run and prints where; returns whether there is one."""
    from study.evidence import results
    from study.reporting import output_folder, writing

    runs = results(folder.url, [study.name for study in studies])
    path = output_folder(folder, "tables") / "results.parquet"
    if len(runs):
        with writing(path):
            runs.to_parquet(path, index=False)
        print(path)
    return _has_rows(len(runs), folder)


def _has_rows(number: int, folder: "RunFolder") -> bool:
    if not number:
        print(f"no run in {folder.url} of what was asked for", file=sys.stderr)
    return number > 0


def _print_markdown(studies: "list[Study]", folder: "RunFolder") -> bool:
    """Prints a section for every group of records; returns whether there is one."""
    from study.reporting import as_markdown, groups_of, tables_of

    groups = [group for study in studies for group in groups_of(study, folder)]
    print("\n".join(as_markdown(group, tables_of(group, folder)) for group in groups))
    return bool(groups)


def _print_tables(studies: "list[Study]", folder: "RunFolder") -> bool:
    """Prints the tables of every study; returns whether each has records."""
    from study.commandline import console
    from study.reporting import print_study

    with_records = [study.name for study in studies if print_study(study, folder, console())]
    if with_records:
        names, runs = " ".join(with_records), shlex.quote(folder.url)
        print(f"with every figure, to read in a browser: python -m study.report {names} --format html --runs {runs}")
    return len(with_records) == len(studies)


def _write_pages(studies: "list[Study]", places: "Locations", folder: "RunFolder") -> int:
    """Writes a page per study and prints where; MLflow gets it too where it is to be had."""
    from study.reporting import maker, publish_page

    pages = [publish_page(study, folder, places.data_root, places.tracking_uri) for study in studies]
    for study, page in zip(studies, pages, strict=True):
        print(page or f"{study.name}: no finished run in {folder.url}; {maker(study.name)} makes them")
    return DONE if all(pages) else INCOMPLETE


def _sync(studies: "list[Study]", places: "Locations", folder: "RunFolder") -> int:
    """Brings MLflow in line with the records; the one place where its failure is this command's failure."""
    from rich.console import Console

    from study.execution import CountProgress
    from study.tracking import TrackingError, open_tracker

    uri = places.tracking_uri
    try:
        tracker = open_tracker(uri, folder.url)
        configurations = [
            (study, records) for study in studies for records in _by_key(folder.records(study.name)).values()
        ]
        num_written = 0
        with CountProgress(len(configurations), Console(stderr=True), "configurations to MLflow") as progress:
            for study, records in configurations:
                num_written += tracker.sync(study, records)
                progress.add()
    except TrackingError as error:
        print(f"error: {error}", file=sys.stderr)
        return INCOMPLETE
    print(f"MLflow {locations.without_password(str(uri))}: {num_written} runs written", file=sys.stderr)
    return DONE


def _by_key(records: "Iterable[Record]") -> "dict[str, list[Record]]":
    records_of: dict[str, list[Record]] = {}
    for record in records:
        records_of.setdefault(record.key, []).append(record)
    return records_of


if __name__ == "__main__":
    run_command(main)
