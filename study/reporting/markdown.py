"""Groups and verdicts -> Markdown that says how it was made: for results that are kept and pages that quote them."""

import shlex
from collections.abc import Iterable, Sequence
from itertools import chain

from rich.table import Table

from study.commandline import BACKBONE_FIELDS, OPTIONS
from study.evidence import Group, as_text
from study.studies import OWN, StudyName
from trainables.configuration import FOLDER, SMALL_NETWORKS
from trainables.storage import Record


def as_markdown(group: Group, tables: Sequence[Table]) -> str:
    """Returns a section with the command, what made the records and when, and the tables of a group."""
    study = group.study
    parts = [f"## {study.name}: {study.title}", f"{study.source}. {how_made(group)}"]
    parts += map(_table, tables)
    return "\n\n".join(parts) + "\n"


def command_of(group: Group) -> str:
    """Returns the command line that makes a group's records, or more where its arms have no field in common."""
    name = group.study.name_parts
    words = [_program(name)]
    small = group.changes.get("network.name") in SMALL_NETWORKS
    varied = {dimension.field for dimension in group.search.space} if group.search else set()
    for field, value in group.changes.items():
        if field in varied:  # of the base, for its size; the search chooses it
            continue
        text = as_text(value)
        if text.startswith("sha256:"):
            words.append("--weights PATH")
        elif text.startswith(FOLDER):
            words.append(f"--data {FOLDER}PATH")
        elif field in OPTIONS:
            words.append(f"{OPTIONS[field]} {shlex.quote(text)}")
        elif not (small and field in BACKBONE_FIELDS):  # `--network cnn` says them
            words.append(f"--set {shlex.quote(f'{field}={text}')}")
    words += [f"--where {shlex.quote(its)}" for its in _chosen(group)]
    return " ".join([*words, *_suffixes(name)])


def maker(study_name: str) -> str:
    """Returns the command line that makes the runs of a study by its name; a tuned study's are made by a search."""
    name = StudyName.parse(study_name)
    own = [f"--data {FOLDER}PATH --minority NAME"] if name.search and name.base == OWN else []
    return " ".join([_program(name), *own, *_suffixes(name)])


def _program(name: StudyName) -> str:
    return f"python -m study.{'search' if name.search else 'grid'} {name.base}"


def _suffixes(name: StudyName) -> list[str]:
    front = ["--objective minority_f1,latency"] if name.search == "several" else []
    return front + (["--smoke"] if name.smoke else [])


def _chosen(group: Group) -> list[str]:
    """Returns the FIELD=VALUE that choose a group's arms, if one alone does; what chose others is not recorded."""
    declared = {arm.name: arm.configuration.flat() for arm in group.study.arms}
    for field in next(iter(declared.values()), {}):
        values = {as_text(flat[field]) for name, flat in declared.items() if name in group.records}
        alike = [name for name, flat in declared.items() if as_text(flat[field]) in values]
        if len(values) == 1 and len(group.records) == len(alike) < len(declared):
            return [f"{field}={values.pop()}"]
    return []


def how_made(group: Group) -> str:
    """Returns a sentence on command, arms, seeds, days, devices, versions and hours."""
    records = list(chain.from_iterable(its.values() for its in group.records.values()))
    seeds = [record.seed for record in records]
    days, devices = _span(r.finished_at[:10] for r in records), _span(r.device for r in records)
    hours = sum(r.seconds for r in records) / 3600
    part = "" if len(group.records) == len(group.study.arms) or _chosen(group) else " (here some of its arms)"
    return (
        f"Made by `{command_of(group)}`{part}: {len(group.records)} of {len(group.study.arms)} arms, "
        f"seeds {min(seeds)} to {max(seeds)}, {len(records)} runs, finished {days}, on {devices}, "
        f"with {_versions(records)}; {hours:.2f} hours of training in all."
    )


def _span(values: Iterable[str]) -> str:
    found = sorted(set(values))
    return found[0] if len(found) == 1 else f"{found[0]} to {found[-1]}"


def _versions(records: Iterable[Record]) -> str:
    found: dict[str, set[str]] = {}
    for record in records:
        for name, version in record.versions.items():
            found.setdefault(name, set()).add(version)
    shown = [name for name in ("python", "torch", "torchvision", "ray") if name in found]
    return ", ".join(f"{name} {_span(found[name])}" for name in shown)


def _table(table: Table) -> str:
    """A rich table's cells as a Markdown table under its title."""
    columns = [[str(cell) for cell in column.cells] for column in table.columns]
    header = [str(column.header) for column in table.columns]
    rules = ["---:" if column.justify == "right" else "---" for column in table.columns]
    rows = [header, rules, *map(list, zip(*columns, strict=True))]
    lines = ["| " + " | ".join(row) + " |" for row in rows]
    return f"**{table.title}**\n\n" + "\n".join(lines)
