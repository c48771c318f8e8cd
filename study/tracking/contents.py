"""Records -> what MLflow is told of them: metrics with names, values, epochs, times; and where it shows them. Pure."""

from datetime import datetime
from urllib.parse import quote, urlencode

from study.evidence import interval_of_records
from study.locations import without_password
from study.studies import Study
from trainables.evaluation import MINORITY_F1, REMOVED_MINORITY_F1, VALIDATION_F1
from trainables.storage import Record

NOTE = "mlflow.note.content"  # the description that MLflow's pages show
LEVEL = "study.level"  # tag: configuration, or seed
# These metrics are logged for every epoch, all others once: the UI stays fast and a batch within MLflow's 1000.
CURVES = ("train/loss/all", "validation/loss/all", VALIDATION_F1, MINORITY_F1, REMOVED_MINORITY_F1)


def values_of(record: Record) -> list[tuple[str, float, int]]:
    """Returns (metric, value, epoch): curves for every epoch, the rest for the last, and the best epochs' headline."""
    last = len(record.history.get("train/loss/all", []))
    values = [(name, value, last) for name, value in record.metrics().items() if name not in CURVES]
    for name in CURVES:
        series = enumerate(record.history.get(name, []), start=1)
        values += [(name, value, epoch) for epoch, value in series if value is not None]
    for label, epoch in (("validation", record.best_epoch_by_validation), ("test", record.best_epoch_by_test)):
        if epoch is not None:
            values.append((f"test-at-best-{label}/f1/minority", record.metric(MINORITY_F1, epoch), epoch))
    return [value for value in values if value[1] == value[1]]  # NaN: not defined, such as the F1 of no minority


def means_of(records: list[Record]) -> list[tuple[str, float, int]]:
    """Returns the mean over seeds of every last metric, and of the headline half of its 95 % interval."""
    if not records:
        return []
    values = [(name, interval_of_records(records, name).mean, 0) for name in records[0].metrics()]
    half = interval_of_records(records, MINORITY_F1).half_width
    values += [(f"{MINORITY_F1}-interval", half, 0), ("seeds", float(len(records)), 0)]
    return [value for value in values if value[1] == value[1]]


def labels_of(study: Study, record: Record) -> dict[str, str]:
    """Returns the tags that a person filters by, and the description of a run."""
    configuration = record.typed_configuration()
    data, network = configuration.data, configuration.network
    backbone = f"{network.name}{f' up to {network.cut}' if network.cut else ''}"
    numbers = f"{data.train_minority} against {data.train_majority} training images"
    return {
        "study.arm": record.arm, "study.data": data.source, "study.network": network.name,
        "study.final_norm": network.final_norm, "study.minority": ", ".join(data.minority),
        NOTE: (
            f"{study.title}: arm **{record.arm}** on {data.source}, {', '.join(data.minority) or 'no class'} rare "
            f"({numbers}), {backbone}, final norm {network.final_norm}, {configuration.schedule.epochs} epochs."
        ),
    }  # fmt: skip


def best_first(tracking_uri: str, experiment: str) -> str:
    """Returns the address where MLflow's pages list an experiment's configurations, the best on validation first."""
    server = without_password(tracking_uri) if tracking_uri.startswith("http") else "http://127.0.0.1:5000"
    asked = {"workflowType": "machine_learning", "searchFilter": f"tags.`{LEVEL}` = 'configuration'",
             "orderByKey": f"metrics.`{VALIDATION_F1}`", "orderByAsc": "false"}  # fmt: skip
    return f"{server.rstrip('/')}/#/experiments/{experiment}/runs?{urlencode(asked, quote_via=quote)}"


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
    """Returns a name MLflow accepts: letters, digits and _-. :/ stay, others become "_"."""
    return "".join(c if c.isalnum() or c in "_-. :/" else "_" for c in metric)


def finished_at(record: Record) -> int:
    """Returns when a run ended, in milliseconds since 1970."""
    return int(datetime.fromisoformat(record.finished_at).timestamp() * 1000)


def started_at(record: Record) -> int:
    """Returns when a run began, in milliseconds since 1970."""
    return finished_at(record) - int(record.seconds * 1000)
