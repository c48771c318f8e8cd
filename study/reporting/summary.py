"""The records of a study -> its groups and verdicts, and their tables on a console."""

from pathlib import Path

from rich.console import Console
from rich.table import Table

from study.answers import Answer, answer_from, read_decisions
from study.commandline import say
from study.evidence import Group, Verdict, groups_of_records, judge
from study.reporting.answer import AnswerText, answer_in_words, as_box
from study.reporting.derived import with_derived
from study.reporting.figures import log_figures, save_figures
from study.reporting.markdown import maker
from study.reporting.own_folder import named_groups, photos_of
from study.reporting.predictions import predictions_of
from study.reporting.tables import (
    affine_table,
    arms_table,
    calibration_table,
    claims_overview,
    claims_table,
    defaults_table,
    overview_table,
    pairs_table,
    prevalence_table,
    published_table,
    samples_table,
    search_tables,
)
from study.studies import OWN, Study
from study.tracking import TrackingError, open_tracker
from trainables.storage import RunFolder

COLUMNS_OF_A_FILE = 120  # of tables that go to a file or a pipe, unless all columns are asked for


def groups_of(study: Study, folder: RunFolder) -> list[Group]:
    """Returns the groups of a study's finished runs, empty where there are none; of own images the newest first."""
    groups = groups_of_records(study, folder.records(study.name), folder)
    return named_groups(groups, folder) if study.name_parts.base == OWN else groups


def verdicts_of(group: Group) -> list[Verdict]:
    """Returns the verdicts on the claims of a study whose treated arms one group has runs of."""
    return [judge(claim, group) for claim in group.study.claims if group.records.keys() & set(claim.treated)]


def answer_of(group: Group, folder: RunFolder) -> Answer | None:
    """Returns the answer of runs on somebody's own images; None for other studies, and without rare test images."""
    is_own = group.study.name_parts.base == OWN
    return answer_from(group, read_decisions(group, folder)) if is_own else None


def answer_text(group: Group, folder: RunFolder) -> AnswerText | None:
    """Returns the answer in words; None where there is no answer."""
    answer = answer_of(group, folder)
    return None if answer is None else answer_in_words(answer, group.title, photos_of(group, folder))


def tables_of(group: Group, folder: RunFolder) -> list[Table]:
    """Returns all tables of a group that have rows."""
    verdicts, group = verdicts_of(group), with_derived(group, folder)
    tables = [
        arms_table(group),
        published_table(group),
        pairs_table(group),
        prevalence_table(group),
        calibration_table(group),
        defaults_table(group),
        samples_table(group, predictions_of(group, folder)),
        affine_table(group),
        claims_table(verdicts) if verdicts else None,
    ]
    if group.search is not None:
        tables += search_tables(group, group.search, folder)
    return [table for table in tables if table is not None]


def print_study(study: Study, folder: RunFolder, screen: Console, wide: bool = False) -> bool:
    """Prints the answer and what the screen has room for of every group of a study; returns whether a run is finished.

    Args:
        study: whose runs.
        folder: that has them.
        screen: printed on; nothing is cut there.
        wide: print every table with all of its columns, however wide.
    """
    groups = groups_of(study, folder)
    width = screen.width if screen.is_terminal else min(screen.width, COLUMNS_OF_A_FILE)
    for group in groups:
        text = answer_text(group, folder)
        if text is not None:
            screen.print(as_box(text, width))
        for table in tables_of(group, folder) if wide else _overview(group, width):
            screen.print(table)
            screen.print()
    if not groups:
        or_none_chosen = ", or none that a search there has found" if study.name_parts.search else ""
        made_by = maker(study.name, folder.url)
        say(f"{study.name}: no finished run in {folder.url}{or_none_chosen}; this makes them: {made_by}", screen)
    return bool(groups)


def _overview(group: Group, width: int) -> list[Table]:
    verdicts = verdicts_of(group)
    beside_paper = None if group.study.pairs else published_table(group)  # where nothing else is compared
    tables = [overview_table(group, width), beside_paper, claims_overview(verdicts) if verdicts else None]
    return [table for table in tables if table is not None]


def publish_figures(study: Study, folder: RunFolder, tracking_uri: str | None, screen: Console) -> list[Path]:
    """Saves the figures of every group, logs them where MLflow is to be had, and says where they lie."""
    saved = []
    for group in groups_of(study, folder):
        files = save_figures(group, folder)
        saved += files
        try:
            if tracking_uri is not None:
                log_figures(group, files, open_tracker(tracking_uri, folder.url))
        except TrackingError as error:
            say(f"{error}; the figures are not in MLflow", screen)
            tracking_uri = None
    for place in dict.fromkeys(path.parent for path in saved):
        say(f"figures: {place}", screen)
    return saved
