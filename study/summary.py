"""The records of a study -> its groups and verdicts, and their tables on a console."""

from rich.console import Console

from study.claims import Verdict, judge
from study.declaration import Study
from study.groups import Group, group
from study.tables import arms_table, claims_table, pairs_table
from trainables.records import RunFolder


def groups_of(study: Study, folder: RunFolder) -> list[Group]:
    """Returns the groups of a study's finished runs, empty where there are none."""
    return group(study, folder.records(study.name))


def verdicts_of(found: Group) -> list[Verdict]:
    """Returns the verdicts on all claims of a study from one group."""
    return [judge(claim, found) for claim in found.study.claims]


def print_study(study: Study, folder: RunFolder, screen: Console) -> bool:
    """Prints the tables of every group of a study; returns whether there was a finished run."""
    groups = groups_of(study, folder)
    for found in groups:
        for table in (arms_table(found), pairs_table(found), claims_table(verdicts_of(found))):
            if table is not None:
                screen.print(table)
    if not groups:
        screen.print(f"{study.name}: no finished run in {folder.url}; python -m study.grid {study.name} makes them")
    return bool(groups)
