"""What the verdicts of a study need of each run, as a small CSV: they can be judged again without the runs.

A row is a run: its arm, seed, key, whose defaults and which other changes it has, and the metrics that the study's
claims and printed numbers speak of, after the last epoch; of a metric whose course a claim judges, every epoch's,
separated by spaces. The configuration is not written but derived from the declaration, and its key compared.
"""

import csv
import json
from collections.abc import Iterable
from pathlib import Path

from study.evidence.claims import F1_OF_ROLES
from study.evidence.groups import Group, group_records, record_of_numbers
from study.studies import DECLARED, Study, under_defaults
from trainables.common import ConfigurationError, RecordError
from trainables.evaluation import F1_AT_TRAINING_PREVALENCE, MAJORITY_F1, MINORITY_F1, metric_key
from trainables.storage import Record

HEADER = ("arm", "seed", "key", "defaults", "changes", "finished", "seconds")


def write_seed_table(path: Path, groups: Iterable[Group]) -> int:
    """Writes the runs of a study's groups into its CSV, beside those that stand there; returns how many stand there.

    A run that is there already (same key, same seed) is replaced.

    Args:
        path: the CSV; its folder is made.
        groups: of one study.

    Raises:
        RecordError: what stands there is no such table, or of other columns, which happens when the study's claims have
            changed; or the file cannot be written.
    """
    rows: dict[tuple[str, int], dict[str, str]] = {}
    listed = list(groups)
    if not listed:
        return 0
    columns = [*HEADER, *_metrics(listed[0].study)]
    if path.exists():
        for row in _read_rows(path):
            if unknown := row.keys() - set(columns):
                raise RecordError(f"{path}: no claim of {listed[0].study.name} needs {', '.join(sorted(unknown))}")
            rows[row["key"], int(row["seed"])] = row
    for group in listed:
        for arm, records in group.records.items():
            for seed, record in records.items():
                rows[record.key, seed] = _row(group, arm, record)
    place_of = {arm.name: place for place, arm in enumerate(listed[0].study.arms)}
    ordered = sorted(
        rows.values(),
        key=lambda r: (r["defaults"], r["changes"], place_of.get(r["arm"], len(place_of)), int(r["seed"])),
    )
    whole = path.with_suffix(".csv.part")  # takes the table's place when it is complete
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with whole.open("w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, columns, restval="", lineterminator="\n")
            writer.writeheader()
            writer.writerows(ordered)
        whole.replace(path)
    except OSError as error:
        raise RecordError(f"{path} cannot be written: {error.strerror}") from None
    return len(rows)


def read_seed_table(study: Study, path: Path) -> list[Group]:
    """Returns the groups of the runs in a study's CSV, as `group_records` does of records.

    Raises:
        RecordError: a row that is not of this study as it is declared today; names it.
    """
    bases: dict[str, Study] = {}
    records = []
    for number, row in enumerate(_read_rows(path), start=2):
        try:
            defaults = row["defaults"] or DECLARED
            if defaults not in bases:
                bases[defaults] = under_defaults(study, defaults)
            declared = bases[defaults].arm(row["arm"]).configuration
            configuration = declared.replace(json.loads(row["changes"] or "{}"))
            if configuration.key != row["key"]:
                raise ConfigurationError(f"the key is {row['key']}, as declared today it would be {configuration.key}")
            histories = {name: cell for name, cell in row.items() if name not in HEADER and cell}
            history = {name: [float(value) for value in cell.split()] for name, cell in histories.items()}
            record = record_of_numbers(
                study, row["arm"], configuration, int(row["seed"]), history, float(row["seconds"]), row["finished"]
            )
        except (KeyError, TypeError, ValueError, AttributeError, ConfigurationError) as error:
            raise RecordError(f"{path}, line {number}: not a run of {study.name}: {error}") from None
        records.append(record)
    return group_records(study, records)


def _metrics(study: Study) -> list[str]:
    """Returns the metrics that the claims and printed numbers of a study speak of, in a fixed order."""
    names = {MINORITY_F1, MAJORITY_F1}
    for claim in study.claims:
        names.update(F1_OF_ROLES.get(claim.metric, (claim.metric,)))
    for role in ("minority", "majority"):
        names.add(metric_key("test", "recall", role))
    for arm in study.arms:
        names.update(arm.published)
        for class_name in arm.configuration.data.classes:
            names.add(metric_key("test", "recall", class_name))
    if any(claim.test in ("removal", "keeps") for claim in study.claims):
        names.update(name.replace("test/", "test-removed/", 1) for name in tuple(names) if name.startswith("test/"))
    return sorted(names - {F1_AT_TRAINING_PREVALENCE, F1_AT_TRAINING_PREVALENCE.replace("test/", "test-removed/", 1)})


def _row(group: Group, arm: str, record: Record) -> dict[str, str]:
    courses = {claim.metric for claim in group.study.claims if claim.test == "sooner"}
    row = {
        "arm": arm,
        "seed": str(record.seed),
        "key": record.key,
        "defaults": group.profile,
        "changes": json.dumps(group.changes, sort_keys=True) if group.changes else "",
        "finished": record.finished_at,
        "seconds": f"{record.seconds:.2f}",
    }
    for name in _metrics(group.study):
        values = record.history.get(name) or []
        shown = values if name in courses else values[-1:]
        row[name] = " ".join("nan" if value is None else f"{value:.6g}" for value in shown)
    return row


def _read_rows(path: Path) -> list[dict[str, str]]:
    try:
        with path.open(newline="", encoding="utf-8") as file:
            rows = list(csv.DictReader(file, strict=True))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise RecordError(f"{path} cannot be read as CSV: {error}") from None
    if rows and (missing := [name for name in HEADER if name not in rows[0]]):
        raise RecordError(f"{path} has no column {', '.join(missing)}")
    return rows
