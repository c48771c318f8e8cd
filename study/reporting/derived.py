"""What reports work out of stored files and records do not hold: added to a group's records, in memory only.

- `test-adjusted/...`: everything measured on the test images, for the adjusted scores of a plain network
  (trainables/evaluation/prior_shift.py): what it is worth where the classes are as frequent as among the test images.
- `final-norm/beta/CLASS`: the shift that a final norm learned, where a study has a figure of it. The recorded
  `final-norm/shift` is that of the whole norm in evaluation, b = beta - a mean.
"""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from study.evidence import Group
from trainables.errors import RecordError
from trainables.evaluation import ADJUSTED, adjusted_scores, is_plain, measure, probabilities_of, training_counts
from trainables.storage import PREDICTIONS, WEIGHTS, Record, RunFolder

BETA = "final-norm/beta"
STUDIES_OF_BETA = ("mechanism",)

_measured: dict[str, dict[str, float]] = {}  # checksum of predictions -> metrics: a command shows a group several times


def with_derived(group: Group, folder: RunFolder) -> Group:
    """Returns the group with the metrics above; a run with a damaged file stays as it is, its command does it again."""
    records = {}
    for arm, runs in group.records.items():
        counts, plain = training_counts(group.configuration(arm)), is_plain(group.configuration(arm))
        records[arm] = dict(runs)
        for seed, record in runs.items():
            metrics: Mapping[str, float] = {}
            try:
                if plain and counts is not None and len(set(counts)) > 1:
                    metrics = _adjusted(record, counts, folder)
                elif group.study.name_parts.base in STUDIES_OF_BETA and not plain:
                    metrics = _betas(record, folder)
            except RecordError:
                continue
            history = record.history | {name: [value] for name, value in metrics.items()}
            records[arm][seed] = record.model_copy(update={"history": history})
    return replace(group, records=records)


def _adjusted(record: Record, counts: list[int], folder: RunFolder) -> dict[str, float]:
    """Returns the metrics of the test scores, adjusted from the training's class shares to the test images'."""
    checksum = record.files.get(PREDICTIONS, "")
    if checksum not in _measured:
        configuration, tensors = record.typed_configuration(), folder.tensors(record, PREDICTIONS)
        data, labels = configuration.data, tensors["test/labels"]
        tested = np.bincount(labels, minlength=len(counts))
        if not tested.all():
            return {}
        output = configuration.network.output
        scores = adjusted_scores(output, tensors["test/scores"], counts, tested.tolist())
        measured = measure(probabilities_of(output, scores), labels, data.classes, data.roles)
        _measured[checksum] = {f"{ADJUSTED}/{name}": value for name, value in measured.items()}
    return _measured[checksum]


def _betas(record: Record, folder: RunFolder) -> dict[str, float]:
    """Returns the learned shift of every class; nothing where there is no final norm."""
    if record.typed_configuration().network.final_norm == "none":
        return {}
    betas = folder.tensors(record, WEIGHTS)["final_norm.bias"]
    classes = record.typed_configuration().data.classes
    return {f"{BETA}/{name}": float(beta) for name, beta in zip(classes, betas, strict=True)}
