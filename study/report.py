"""The command that reads records: `python -m study.report [STUDY ...]` prints tables and verdicts."""

import argparse
import json
import os
import sys
from collections.abc import Iterable, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

from study import locations
from study.commandline import (
    DONE,
    INCOMPLETE,
    WRONG_USAGE,
    add_locations,
    make_parser,
    read_locations,
    run_command,
    say,
    say_left_out,
)
from study.studies import DEFAULT, OWN, STUDIES, find, names_of_studies
from trainables.common import ConfigurationError

RECORDED = Path(__file__).parent / "results" / "data"  # the numbers per seed that the project keeps

if TYPE_CHECKING:
    from study.locations import Locations
    from study.studies import Study
    from trainables.storage import Record, RunFolder


def main(arguments: Sequence[str]) -> int:
    """Reports what the arguments ask for and returns the exit code."""
    args = parser().parse_args(arguments)

    from trainables.storage import RunFolder

    if args.verdicts:
        return _print_verdicts(args.studies, args.recorded, args.format, args.figure)
    places = read_locations(args)
    folder = RunFolder(places.runs)
    if args.record:
        return _record(find(args.studies or names_of_studies(folder.studies())), folder, args.recorded)
    studies = find(args.studies or names_of_studies(folder.studies()) or [DEFAULT])
    if args.browse:
        if args.format != "table" or args.wide:
            raise ConfigurationError("--browse prints no table; leave out --format and --wide")
        return _browse(studies, places, folder)
    code = _sync(studies, places, folder) if args.sync else DONE
    if args.format == "html":
        code = max(code, _write_pages(studies, places, folder))
    elif args.format == "table":
        code = code if _print_tables(studies, places, folder, args.wide) else INCOMPLETE
    else:
        show = {
            "csv": _print_csv,
            "parquet": _write_parquet,
            "json": _print_json,
            "markdown": _print_markdown,
        }[args.format]
        code = code if show(studies, folder) else INCOMPLETE
    return INCOMPLETE if say_left_out(folder) else code


def parser() -> argparse.ArgumentParser:
    """Returns the parser of this command's arguments."""
    command = make_parser("study.report", "Print what the records show.", "python -m study.report digits --format json")
    add = command.add_argument
    add("studies", nargs="*", metavar="STUDY", help="default: every study with records")
    add("--wide", action="store_true", help="every table with every column; `| less -S` shows them on a small screen")
    add("--format", choices=("table", "json", "markdown", "html", "csv", "parquet"), default="table",
        help="csv, parquet: a row per run, as study.evidence.results gives it")  # fmt: skip
    one_of = command.add_mutually_exclusive_group()
    one_of.add_argument("--sync", action="store_true", help="bring MLflow in line with the records first")
    one_of.add_argument("--browse", action="store_true", help="show the scores in MLflow's pages, until Ctrl-C")
    one_of.add_argument(
        "--record",
        action="store_true",
        help="write the numbers per seed that verdicts need of the runs to DIR/STUDY.csv, beside those there",
    )
    one_of.add_argument(
        "--verdicts",
        action="store_true",
        help="print the verdicts on all claims from DIR/STUDY.csv alone, adjusted for their number; needs no runs",
    )
    add("--figure", metavar="FILE", type=Path, help="with --verdicts: draw the gains at both priors, PNG or SVG")
    add("--recorded", metavar="DIR", type=Path, default=RECORDED, help="default: the project's study/results/data")
    add_locations(command)
    return command


def _print_json(studies: "list[Study]", folder: "RunFolder") -> bool:
    """Prints every group of records; returns whether there is one."""
    from study.reporting import answer_of, as_data, groups_of, verdicts_of

    data = [
        as_data(group, verdicts_of(group), answer_of(group, folder))
        for study in studies
        for group in groups_of(study, folder)
    ]
    print(json.dumps(data, indent=1, allow_nan=False))
    return bool(data)


def _print_csv(studies: "list[Study]", folder: "RunFolder") -> bool:
    """Prints a line per run; returns whether there is one."""
    from study.evidence import results
    from trainables.common import for_spreadsheet

    runs = results(folder, [study.name for study in studies])
    if len(runs):
        print(runs.map(for_spreadsheet).rename(columns=for_spreadsheet).to_csv(index=False), end="")
    return _has_rows(len(runs), folder)


def _write_parquet(studies: "list[Study]", folder: "RunFolder") -> bool:
    """Writes a row per run and prints where; returns whether there is one."""
    from study.evidence import results
    from study.reporting import output_folder, writing

    runs = results(folder, [study.name for study in studies])
    path = output_folder(folder, "tables") / "results.parquet"
    if len(runs):
        with writing(path):
            runs.to_parquet(path, index=False)
        say(path)
    return _has_rows(len(runs), folder)


def _has_rows(number: int, folder: "RunFolder") -> bool:
    if not number:
        say(f"no run in {folder.url} of what was asked for", sys.stderr)
    return number > 0


def _print_markdown(studies: "list[Study]", folder: "RunFolder") -> bool:
    """Prints a section for every group of records; returns whether there is one."""
    from study.reporting import answer_text, as_markdown, groups_of, tables_of

    groups = [group for study in studies for group in groups_of(study, folder)]
    print("\n".join(as_markdown(group, tables_of(group, folder), answer_text(group, folder)) for group in groups))
    return bool(groups)


def _print_tables(studies: "list[Study]", places: "Locations", folder: "RunFolder", wide: bool) -> bool:
    """Prints what there is room for, or all tables, of every study; returns whether each has records."""
    from study.commandline import console
    from study.reporting import print_study

    screen = console(wide)
    with_records = [study.name for study in studies if print_study(study, folder, screen, wide)]
    if with_records:
        if not wide:
            say(f"every table: {locations.command_line('study.report', [*with_records, '--wide', *places.options])}")
        page = locations.command_line("study.report", [*with_records, "--format", "html", *places.options])
        say(f"with every figure, to read in a browser: {page}")
    return len(with_records) == len(studies)


def _write_pages(studies: "list[Study]", places: "Locations", folder: "RunFolder") -> int:
    """Writes a page per study and prints where; MLflow gets it too where it is to be had."""
    from study.reporting import maker, publish_page

    pages = [publish_page(study, folder, places.data_root, places.tracking_uri) for study in studies]
    for study, page in zip(studies, pages, strict=True):
        say(page or f"{study.name}: no finished run in {folder.url}; {maker(study.name, folder.url)} makes them")
    return DONE if all(pages) else INCOMPLETE


def _record(studies: "list[Study]", folder: "RunFolder", recorded: Path) -> int:
    """Writes the numbers per seed of every study and prints where; a tuned study's settings are not declared."""
    from study.evidence import write_seed_table
    from study.reporting import groups_of, maker

    code = DONE
    for study in studies:
        path = recorded / f"{study.name}.csv"
        if study.name_parts.search or study.name == OWN:
            print(f"{study.name}: its configurations are not declared, so they cannot be told from a table")
        elif num_runs := write_seed_table(path, groups_of(study, folder)):
            say(f"{path}: {num_runs} runs")
            continue
        else:
            say(f"{study.name}: no finished run in {folder.url}; {maker(study.name, folder.url)} makes them")
        code = INCOMPLETE
    return code


def _print_verdicts(names: Sequence[str], recorded: Path, form: str, figure: Path | None) -> int:
    """Prints the verdicts on the claims of the studies whose numbers are recorded."""
    from study.commandline import console
    from study.evidence import claim_rows, read_before, read_seed_table
    from study.reporting import (
        full_verdicts_table,
        how_verdicts_are_made,
        priors_table,
        save_gain_at_both_priors,
        table_as_markdown,
        verdicts_table,
    )

    studies = [study for study in find(list(names or STUDIES)) if os.path.isfile(recorded / f"{study.name}.csv")]
    if not studies:
        say(f"error: no STUDY.csv of {', '.join(names) or 'any study'} in {recorded}", sys.stderr)
        return INCOMPLETE
    groups = [group for study in studies for group in read_seed_table(study, recorded / f"{study.name}.csv")]
    rows = claim_rows(groups, read_before(recorded / "verdicts-1.0.0.csv"))
    if form == "markdown":
        tables = [full_verdicts_table(rows), priors_table(rows)]
        print("\n\n".join([*(table_as_markdown(t) for t in tables if t is not None), how_verdicts_are_made(rows)]))
    elif form == "table":
        console().print(verdicts_table(rows))
        if (priors := priors_table(rows)) is not None:
            console().print(priors)
    else:
        print(f"error: --verdicts prints a table or markdown, got --format {form}", file=sys.stderr)
        return WRONG_USAGE
    if figure is not None and save_gain_at_both_priors(rows, figure):
        print(f"figure: {figure}", file=sys.stderr)
    return DONE


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
        with CountProgress(len(configurations), Console(stderr=True), "to MLflow, configurations") as progress:
            for study, records in configurations:
                num_written += tracker.sync(study, records)
                progress.add()
    except TrackingError as error:
        say(f"error: {error}", sys.stderr)
        return INCOMPLETE
    say(f"MLflow {locations.without_password(str(uri))}: {num_written} runs written", sys.stderr)
    return DONE


def _browse(studies: "list[Study]", places: "Locations", folder: "RunFolder") -> int:
    """Shows the scores of studies in MLflow's pages: prints and opens their addresses, and serves a database."""
    import webbrowser

    from study.commandline import console
    from study.execution import doing
    from study.reporting import groups_of, maker
    from study.tracking import open_tracker, scores_address, served, show_scores

    groups_of_study = [(study, groups) for study in studies if (groups := groups_of(study, folder))]
    if not groups_of_study:
        print(f"no finished run in {folder.url}; {maker(studies[0].name, folder.url)} makes them", file=sys.stderr)
        return INCOMPLETE
    tracker = open_tracker(places.tracking_uri, folder.url)
    for study, groups in groups_of_study:
        with doing(console(), f"bringing MLflow in line with {study.name}"):
            tracker.sync(study, folder.records(study.name))
            for group in groups:
                show_scores(tracker, group)
    with ExitStack() as until_the_end:
        with doing(console(), "starting MLflow's pages"):
            server = until_the_end.enter_context(served(str(places.tracking_uri)))
        addresses = [scores_address(server.address, tracker.experiment_id(study)) for study, _ in groups_of_study]
        for (study, _), address in zip(groups_of_study, addresses, strict=True):
            print(f"{study.name}, the best configuration on validation first: {address}", flush=True)
        if sys.platform in ("darwin", "win32") or os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"):
            webbrowser.open(addresses[0])
        if server.process is None:
            return DONE
        print("Ctrl-C ends it", flush=True)
        print(f"error: MLflow's pages ended with code {server.process.wait()}", file=sys.stderr)
    return INCOMPLETE


def _by_key(records: "Iterable[Record]") -> "dict[str, list[Record]]":
    records_of: dict[str, list[Record]] = {}
    for record in records:
        records_of.setdefault(record.key, []).append(record)
    return records_of


if __name__ == "__main__":
    run_command(main)
