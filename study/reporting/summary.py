"""The records of a study -> its groups and verdicts, and their tables on a console."""

from pathlib import Path

from rich.console import Console
from rich.table import Table

from study.answers import Answer, answer_from, read_decisions
from study.commandline import remembered, say
from study.evidence import Group, Verdict, groups_of_records, judge
from study.reporting.answer import AnswerText, answer_in_words, as_box
from study.reporting.figures import log_figures, save_figures
from study.reporting.markdown import maker
from study.reporting.predictions import predictions_of
from study.reporting.tables import (
    affine_table,
    arms_table,
    claims_table,
    pairs_table,
    published_table,
    samples_table,
    search_tables,
)
from study.studies import OWN, Study
from study.tracking import TrackingError, open_tracker
from trainables.storage import RunFolder


def groups_of(study: Study, folder: RunFolder) -> list[Group]:
    """Returns the groups of a study's finished runs, empty where there are none."""
    return groups_of_records(study, folder.records(study.name), folder)


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
    return None if answer is None else answer_in_words(answer, own_name(group, folder))


def own_name(group: Group, folder: RunFolder) -> str:
    """Returns "<rare classes> in <folder>" where the images are somebody's own, else ""."""
    data = group.first_record(next(iter(group.records))).typed_configuration().data
    own_folder = remembered(folder).get(data.source)
    return f"{', '.join(data.minority)} in {Path(own_folder.path).name}" if own_folder else ""


def tables_of(group: Group, folder: RunFolder) -> list[Table]:
    """Returns all tables of a group that have rows."""
    verdicts = verdicts_of(group)
    tables = [
        arms_table(group),
        published_table(group),
        pairs_table(group),
        samples_table(group, predictions_of(group, folder)),
        affine_table(group),
        claims_table(verdicts) if verdicts else None,
    ]
    if group.search is not None:
        tables += search_tables(group, group.search, folder)
    return [table for table in tables if table is not None]


def print_study(study: Study, folder: RunFolder, screen: Console) -> bool:
    """Prints the answer and the tables of every group of a study; returns whether there was a finished run."""
    groups = groups_of(study, folder)
    for group in groups:
        text = answer_text(group, folder)
        if text is not None:
            screen.print(as_box(text, screen.width))
        for table in tables_of(group, folder):
            screen.print(table)
    if not groups:
        or_none_chosen = ", or none that a search there has found" if study.name_parts.search else ""
        say(f"{study.name}: no finished run in {folder.url}{or_none_chosen}; {maker(study.name)} makes them", screen)
    return bool(groups)


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
