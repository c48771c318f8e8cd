"""Records as pandas data frames: a row per run, per epoch, per image.

Every frame begins with what tells runs apart: study, group ("as declared", else what `--set` and the options like it
changed; None for an arm that the study no longer declares), arm, key, seed. pandas is imported when a frame is asked
for.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from study.evidence.groups import as_text
from study.evidence.robustness import groups_of_records
from study.studies import find, names_of_studies
from trainables.configuration import Configuration
from trainables.evaluation import minority_probability, probabilities_of
from trainables.storage import PREDICTIONS, Record, RunFolder

if TYPE_CHECKING:
    import pandas as pd

Studies = str | Sequence[str] | None
_OF_RECORD = ("status", "reason", "best_epoch_by_validation", "seconds", "device", "finished_at", "data_fingerprint")


def results(runs: str | Path | RunFolder, study: Studies = None) -> "pd.DataFrame":
    """Returns a row per run: who it is, its record, its fields ("optimiser.learning_rate"), its metrics.

    Metrics are those after the last epoch, named split/metric/class ("test/f1/minority"), NaN where undefined. Runs
    that failed are rows too, with status "failed" and their reason. A winner of two searches has a row in each group.

    Args:
        runs: a run folder or its URL.
        study: a study's name, several, or None for every study with records.

    Raises:
        ConfigurationError: an unknown study.
        RecordError: the run folder cannot be read.
    """
    import pandas as pd

    rows = []
    for identity, record in _runs(runs if isinstance(runs, RunFolder) else RunFolder(str(runs)), study):
        fields = {**Configuration().flat(), **record.configuration}  # a record may lack fields that are newer than it
        of_record = {name: getattr(record, name) for name in _OF_RECORD}
        values = {name: as_text(value) if isinstance(value, list) else value for name, value in fields.items()}
        rows.append(identity | of_record | values | record.metrics())
    return pd.DataFrame(rows)


def histories(runs: str | Path, study: Studies = None) -> "pd.DataFrame":
    """Returns a row per run and epoch (from 1): who it is, its metrics; arguments and errors as of `results`."""
    import pandas as pd

    rows = [
        identity | {"epoch": epoch} | {name: record.metric(name, epoch) for name in record.history}
        for identity, record in _runs(RunFolder(str(runs)), study)
        for epoch in range(1, max(map(len, record.history.values()), default=0) + 1)
    ]
    return pd.DataFrame(rows)


def predictions(runs: str | Path, study: Studies = None, split: str = "test", arm: str | None = None) -> "pd.DataFrame":
    """Returns a row per image of every complete run: who it is, image (its name), label, decision, probabilities.

    `label` and `decision` (the class of the highest probability) are classes of the run; `minority` is P(minority);
    "p/<class>" is the probability of a class, NaN where a run does not have it.

    Args:
        runs: a run folder or its URL.
        study: as of `results`.
        split: test or validation, "-removed" where the final norm is taken off ("test-removed"): runs with one only.
        arm: only runs of this arm; None for all, of which a large study has millions of rows.

    Raises:
        ConfigurationError: an unknown study.
        RecordError: the run folder cannot be read, or a run of it is damaged.
    """
    import pandas as pd

    folder = RunFolder(str(runs))
    parts = [
        pd.DataFrame(identity | _of_images(folder, record, split))
        for identity, record in _runs(folder, study)
        if record.status == "complete" and arm in (None, identity["arm"])
    ]
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame()


def _runs(folder: RunFolder, study: Studies) -> Iterator[tuple[dict[str, Any], Record]]:
    """Yields the records of studies, each with what tells its run apart."""
    names = names_of_studies(folder.studies()) if study is None else [study] if isinstance(study, str) else list(study)
    for declared in find(names):
        records = list(folder.records(declared.name))
        # a key says which group and arm it is, however its runs ended
        as_if_complete = [record.model_copy(update={"status": "complete"}) for record in records]
        places: dict[str, dict[tuple[str | None, str], None]] = {}
        for group in groups_of_records(declared, as_if_complete, folder):
            for arm, record_of_seed in group.records.items():
                for record in record_of_seed.values():
                    places.setdefault(record.key, {})[group.label, arm] = None
        for record in records:
            for label, arm in places.get(record.key, {(None, record.arm): None}):
                yield (
                    {"study": record.study, "group": label, "arm": arm, "key": record.key, "seed": record.seed},
                    record,
                )


def _of_images(folder: RunFolder, record: Record, split: str) -> dict[str, Any]:
    """Returns columns of a split's images; empty ones where the run has no such split."""
    arrays, configuration = folder.tensors(record, PREDICTIONS), record.typed_configuration()
    if f"{split}/scores" not in arrays:
        return {"image": []}
    classes = configuration.data.classes
    scores = arrays[f"{split}/scores"]
    whole_split = split.removesuffix("-removed")  # names are kept once, labels and positions are the same
    p = probabilities_of(configuration.network.output, scores)
    return {
        "image": folder.sample_names(record).get(whole_split) or arrays[f"{split}/positions"].astype(str),
        "label": [classes[label] for label in arrays[f"{split}/labels"]],
        "decision": [classes[decided] for decided in p.argmax(axis=1)],
        "minority": minority_probability(configuration, scores),
        **{f"p/{name}": p[:, index] for index, name in enumerate(classes)},
    }
