"""Groups and verdicts -> Markdown that says how it was made: for results that are kept and pages that quote them."""

import shlex
from collections.abc import Iterable, Sequence

from rich.table import Table

from study.commandline import BACKBONE_FIELDS, OPTIONS
from study.evidence import Group, as_text
from study.locations import command_line
from study.reporting.answer import AnswerText, as_markdown_lines
from study.studies import OWN, StudyName
from trainables import own_code
from trainables.common import for_markdown, printable
from trainables.configuration import FOLDER, has_backbone
from trainables.storage import Record


def as_markdown(group: Group, tables: Sequence[Table], answer: AnswerText | None = None) -> str:
    """Returns a section with the answer, if there is one, what made the records and when, and the tables of a group."""
    study = group.study
    parts = [f"## {study.name}: {study.title}"]
    parts += [] if answer is None else [as_markdown_lines(answer)]
    made = how_made(group).replace("](", "]\\(").replace("<", "&lt;")
    parts.append(f"{study.source}. {made}")
    parts += map(table_as_markdown, tables)
    return "\n\n".join(parts) + "\n"


def command_of(group: Group) -> str:
    """Returns the command line that makes a group's records, or more where its arms have no field in common."""
    name = group.study.name_parts
    words = [_program(name)]
    is_small = not has_backbone(str(group.changes.get("network.name", "resnet")))
    searched_fields = {dimension.field for dimension in group.search.space} if group.search else set()
    if group.profile:
        words.append(f"--defaults {group.profile}")
    for field, value in group.changes.items():
        if field in searched_fields:  # the base's value depends on its size; the search chooses among others
            continue
        text = own_code.spec_of(as_text(value)) if own_code.is_own(as_text(value)) else as_text(value)
        if text.startswith("sha256:"):
            words.append(group.words.get(field, "--weights PATH"))
        elif text.startswith(FOLDER):
            words.append(group.words.get(field, f"--data {FOLDER}PATH"))
        elif field in OPTIONS:
            words += [f"{OPTIONS[field]} {shlex.quote(each)}" for each in _typed(value)]
        elif not (is_small and field in BACKBONE_FIELDS):  # `--network cnn` says them
            words.append(f"--set {shlex.quote(f'{field}={text}')}")
    seeds = max(seed for runs in group.records.values() for seed in runs) + 1 - group.study.first_seed
    if seeds != group.study.seeds and not name.search:
        words.append(f"--seeds {seeds}")
    choice = _choice_of_arms(group)
    if choice:
        words.append(f"--where {shlex.quote(choice)}")
    return " ".join([*words, *_suffixes(name)])


def _typed(value: object) -> list[str]:
    """Returns a value as an option takes it: in one word, or repeated where names of classes have commas."""
    is_list_with_commas = isinstance(value, list) and len(value) > 1 and any("," in name for name in value)
    return list(map(str, value)) if is_list_with_commas else [as_text(value)]  # type: ignore[call-overload]


def maker(study_name: str, runs: str) -> str:
    """Returns the line to paste that makes the runs of a study in a run folder; a tuned study's are made by a search.

    Of somebody's own images it leaves PATH and NAME to be filled in.
    """
    name = StudyName.parse(study_name)
    own = ["--data", f"{FOLDER}PATH", "--minority", "NAME"] if name.base == OWN else []
    suffixes = [word for suffix in _suffixes(name) for word in suffix.split()]
    return command_line(_module(name), [name.base, *own, *suffixes, "--runs", runs])


def _module(name: StudyName) -> str:
    return f"study.{'search' if name.search else 'grid'}"


def _program(name: StudyName) -> str:
    return f"python -m {_module(name)} {name.base}"


def _suffixes(name: StudyName) -> list[str]:
    objectives = ["--objective minority_f1,latency"] if name.search == "several" else []
    return objectives + (["--smoke"] if name.smoke else [])


def _choice_of_arms(group: Group) -> str:
    """Returns the FIELD=VALUE that chooses exactly the group's arms; "" where all ran, or no single one chooses them.

    What the command line chose arms by is not recorded: this looks for a field whose value all arms with records have
    in common and no other arm of the study has.
    """
    declared = {arm.name: arm.configuration.flat() for arm in group.study.arms}
    if len(group.records) == len(declared):
        return ""
    for field in next(iter(declared.values()), {}):
        values = {as_text(flat[field]) for arm, flat in declared.items() if arm in group.records}
        arms_with_values = [arm for arm, flat in declared.items() if as_text(flat[field]) in values]
        if len(values) == 1 and len(arms_with_values) == len(group.records):
            return f"{field}={values.pop()}"
    return ""


def how_made(group: Group) -> str:
    """Returns a sentence on command, arms, seeds, days, devices, versions and hours."""
    records = [record for records_of_arm in group.records.values() for record in records_of_arm.values()]
    seeds = [record.seed for record in records]
    days, devices = _span(record.finished_at[:10] for record in records), _span(record.device for record in records)
    hours = sum(record.seconds for record in records) / 3600
    num_arms, num_declared = len(group.records), len(group.study.arms)
    part = "" if num_arms == num_declared or _choice_of_arms(group) else " (here some of its arms)"
    return printable(
        f"Made by `{command_of(group)}`{part}: {num_arms} of {num_declared} arms, "
        f"seeds {min(seeds)} to {max(seeds)}, {len(records)} runs, finished {days}, on {devices}, "
        f"with {_versions(records)}; {hours:.2f} hours of training in all."
    )


def _span(values: Iterable[str]) -> str:
    """Returns the value that all are, else "FIRST to LAST" in their order."""
    distinct = sorted(set(values))
    return distinct[0] if len(distinct) == 1 else f"{distinct[0]} to {distinct[-1]}"


def _versions(records: Iterable[Record]) -> str:
    versions: dict[str, set[str]] = {}  # package -> versions of it that made a record
    for record in records:
        for package, version in record.versions.items():
            versions.setdefault(package, set()).add(version)
    shown = [package for package in ("python", "torch", "torchvision", "ray") if package in versions]
    return ", ".join(f"{package} {_span(versions[package])}" for package in shown)


def table_as_markdown(table: Table) -> str:
    """Returns a rich table's cells as a Markdown table under its title."""
    columns = [[str(cell) for cell in column.cells] for column in table.columns]
    header = [str(column.header) for column in table.columns]
    rules = ["---:" if column.justify == "right" else "---" for column in table.columns]
    rows = [header, rules, *map(list, zip(*columns, strict=True))]
    lines = ["| " + " | ".join(map(for_markdown, row)) + " |" for row in rows]
    return f"**{for_markdown(str(table.title))}**\n\n" + "\n".join(lines)
