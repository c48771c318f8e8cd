"""Records -> what MLflow is told of them: metrics with names, values, epochs, times. Pure."""

import hashlib
import math
from datetime import datetime
from pathlib import Path

from study.answers import Versions
from study.evidence import interval_of_records
from study.studies import Study
from trainables.common import for_markdown
from trainables.configuration import Configuration
from trainables.evaluation import MINORITY_F1, PER_CLASS, REMOVED_MINORITY_F1, VALIDATION_F1
from trainables.storage import Record

NOTE = "mlflow.note.content"  # the description that MLflow's pages show
LEVEL = "study.level"  # tag: configuration, or seed
# These metrics are logged over the epochs, at POINTS of them, all others once: a row of MLflow's costs a fifth of a
# millisecond of CPU time, and every epoch stands in the record.
POINTS = 12
LONGEST_NAME = 250  # characters of a metric, MLflow's own limit
NOT_SHOWN = "validation-removed/"  # nothing is chosen or claimed by these; the record has them
CURVES = ("train/loss/all", "validation/loss/all", VALIDATION_F1, MINORITY_F1, REMOVED_MINORITY_F1)


Value = tuple[str, float, int]  # metric, value, epoch


def values_of(record: Record) -> list[Value]:
    """Returns the values of a run: curves at POINTS epochs, other metrics for the last, the best epochs' test F1."""
    last_epoch = len(record.history.get("train/loss/all", []))
    values = [(name, value, last_epoch) for name, value in _last_metrics(record).items() if name not in CURVES]
    for name in CURVES:
        series = record.history.get(name, [])
        shown = [(epoch, series[epoch - 1]) for epoch in _shown_epochs(len(series))]
        values += [(name, value, epoch) for epoch, value in shown if value is not None]
    for label, epoch in (("validation", record.best_epoch_by_validation), ("test", record.best_epoch_by_test)):
        if epoch is not None:
            values.append((f"test-at-best-{label}/f1/minority", record.metric(MINORITY_F1, epoch), epoch))
    return _without_nan(values)


def _shown_epochs(last: int) -> list[int]:
    """Returns at most POINTS epochs, the first and the last among them."""
    points = min(last, POINTS)
    return [1 + round(i * (last - 1) / max(1, points - 1)) for i in range(points)]


def parameters_of(record: Record) -> dict[str, str]:
    """Returns the fields of a run's configuration that are not at their defaults.

    Those that are tell nothing apart, and filled MLflow's table with columns.
    """
    defaults = Configuration().flat()
    changed = {name: value for name, value in record.configuration.items() if value != defaults.get(name)}
    return {name: str(value) for name, value in changed.items()}


def means_of(records: list[Record]) -> list[Value]:
    """Returns the means over seeds of the last metrics, and half of the 95 % interval of the minority's test F1."""
    if not records:
        return []
    values = [(name, interval_of_records(records, name).mean, 0) for name in _last_metrics(records[0])]
    half_width = interval_of_records(records, MINORITY_F1).half_width
    values += [(f"{MINORITY_F1}-interval", half_width, 0), ("seeds", float(len(records)), 0)]
    return _without_nan(values)


def _last_metrics(record: Record) -> dict[str, float]:
    """Returns a record's last metrics; those of a class that is alone in its role stand under the role's name only."""
    data = record.typed_configuration().data
    alone_in_role = {names[0] for names in (data.minority, data.majority) if len(names) == 1} - set(data.roles)
    metrics = {}
    for name, value in record.metrics().items():
        _, metric, class_name = name.split("/", 2)
        if name.startswith(NOT_SHOWN):
            continue
        if metric not in PER_CLASS or class_name not in alone_in_role:
            metrics[name] = value
    return metrics


def _without_nan(values: list[Value]) -> list[Value]:
    """Leaves out what is not defined, such as the F1 of no minority."""
    return [(name, value, epoch) for name, value, epoch in values if not math.isnan(value)]


def labels_of(study: Study, record: Record, versions: Versions | None = None) -> dict[str, str]:
    """Returns the tags that a person filters by, and the description of a run.

    Args:
        study: of the run.
        record: of the run.
        versions: of somebody's own folders, which are told apart by day and counts.
    """
    configuration = record.typed_configuration()
    data, network = configuration.data, configuration.network
    backbone = f"{network.name}{f' up to {network.cut}' if network.cut else ''}"
    numbers = f"{data.train_minority} against {data.train_majority} training images"
    version = (versions or {}).get(data.source)
    images = f"{Path(version.path).name} ({version})" if version else data.source
    rare = ", ".join(data.minority) or "no class"
    description = (
        f"{study.title}: arm **{record.arm}** on {for_markdown(images)}, {for_markdown(rare)} rare "
        f"({numbers}), {backbone}, final norm {network.final_norm}, {configuration.schedule.epochs} epochs."
    )
    return {
        "study.arm": record.arm,
        "study.data": data.source,
        "study.network": network.name,
        "study.final_norm": network.final_norm,
        "study.minority": ", ".join(data.minority),
        NOTE: description,
        **({"study.photos": str(version)} if version else {}),
    }


def note_of(study: Study) -> str:
    """Returns what an experiment's page says: the question, the claims, where to look."""
    claims = "".join(f"- {claim.id}: {claim.sentence}\n" for claim in study.claims)
    return (
        f"{study.title} ({study.source})\n\n{claims}\n"
        "One run per configuration (tag study.level = configuration, means over seeds), its seeds below it. Sort by "
        "validation/f1/minority; a run's description links to the verified ONNX file of its best seed, all of them "
        "lie in the artifacts of the seed runs under onnx, and the ones to deploy are in the model registry; the page "
        "and the figures lie beside the first treated configuration."
    )


def metric_name(metric: str) -> str:
    """Returns a name MLflow accepts: letters, digits and _-. :/ stay, others become "_"; a long one ends in a hash."""
    name = "".join(letter if letter.isalnum() or letter in "_-. :/" else "_" for letter in metric)
    if len(name) <= LONGEST_NAME:
        return name
    return f"{name[: LONGEST_NAME - 9]}-{hashlib.sha256(metric.encode()).hexdigest()[:8]}"


def finished_at(record: Record) -> int:
    """Returns when a run ended, in milliseconds since 1970."""
    return int(datetime.fromisoformat(record.finished_at).timestamp() * 1000)


def started_at(record: Record) -> int:
    """Returns when a run began, in milliseconds since 1970."""
    return finished_at(record) - int(record.seconds * 1000)
