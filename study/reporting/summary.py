"""The records of a study -> its groups and verdicts, and their tables on a console."""

from pathlib import Path

from rich.console import Console
from rich.table import Table

from study.evidence import Group, Verdict, group_records, judge, recall_search_results, tuned_groups
from study.reporting.figures.figures import log_figures, predictions_of, save_figures
from study.reporting.markdown import maker
from study.reporting.tables import search_tables
from study.reporting.tables.tables import (
    affine_table,
    arms_table,
    claims_table,
    pairs_table,
    published_table,
    samples_table,
)
from study.studies import Study
from study.tracking import TrackingError, open_tracker
from trainables.storage import RunFolder


def groups_of(study: Study, folder: RunFolder) -> list[Group]:
    """Returns the groups of a study's finished runs, empty where there are none."""
    found = folder.records(study.name)
    if study.name_parts.search:
        return tuned_groups(study, found, recall_search_results(folder, study.name))
    return group_records(study, found)


def verdicts_of(found: Group) -> list[Verdict]:
    """Returns the verdicts on the claims of a study whose treated arms one group has runs of."""
    return [judge(claim, found) for claim in found.study.claims if found.records.keys() & set(claim.treated)]


def tables_of(found: Group, folder: RunFolder) -> list[Table]:
    """Returns all tables of a group that have rows."""
    samples = samples_table(found, predictions_of(found, folder)) if found.study.samples else None
    verdicts = verdicts_of(found)
    tables = (
        arms_table(found),
        published_table(found),
        pairs_table(found),
        samples,
        affine_table(found),
        claims_table(verdicts) if verdicts else None,
    )
    of_search = search_tables.tables_of(found, found.search, folder) if found.search else []
    return [*(table for table in tables if table is not None), *of_search]


def print_study(study: Study, folder: RunFolder, screen: Console) -> bool:
    """Prints the tables of every group of a study; returns whether there was a finished run."""
    groups = groups_of(study, folder)
    for found in groups:
        for table in tables_of(found, folder):
            screen.print(table)
    if not groups:
        screen.print(f"{study.name}: no finished run in {folder.url}, or none that a search there has found; "
                     f"{maker(study.name)} makes them" if study.name_parts.search else
                     f"{study.name}: no finished run in {folder.url}; {maker(study.name)} makes them")  # fmt: skip
    return bool(groups)


def publish_figures(study: Study, folder: RunFolder, tracking_uri: str | None, screen: Console) -> list[Path]:
    """Saves the figures of every group, logs them where MLflow is to be had, and says where they lie."""
    saved = []
    for found in groups_of(study, folder):
        files = save_figures(found, folder)
        saved += files
        try:
            if tracking_uri is not None:
                log_figures(found, files, open_tracker(tracking_uri, folder.url))
        except TrackingError as error:
            screen.print(f"{error}; the figures are not in MLflow", highlight=False, soft_wrap=True)
            tracking_uri = None
    for place in dict.fromkeys(path.parent for path in saved):
        screen.print(f"figures: {place}", highlight=False, soft_wrap=True)
    return saved
