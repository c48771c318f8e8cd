"""What reports work out of stored files and records do not hold: added to a group's records, in memory only.

- `test-adjusted/...`: everything measured on the test images, for the adjusted scores of a plain network
  (trainables/evaluation/prior_shift.py): what it is worth where the classes are as frequent as among the test images.
- `test-natural/brier/all`, `test-natural/ece/all`: of every arm, were the test images as imbalanced as the training.
- `final-norm/beta/CLASS`: the shift that a final norm learned, where a study has a figure of it. The recorded
  `final-norm/shift` is that of the whole norm in evaluation, b = beta - a mean.
"""

from dataclasses import replace

import numpy as np

from study.evidence import Group
from trainables.common import RecordError
from trainables.evaluation import (
    ADJUSTED,
    NATURAL,
    adjusted_scores,
    calibration,
    is_plain,
    measure,
    probabilities_of,
    training_counts,
)
from trainables.storage import PREDICTIONS, WEIGHTS, Record, RunFolder

BETA = "final-norm/beta"
STUDIES_OF_BETA = ("mechanism",)

# (checksum of predictions, key of the configuration) -> metrics: a command shows a group several times
_measured: dict[tuple[str, str], dict[str, float]] = {}


def with_derived(group: Group, folder: RunFolder) -> Group:
    """Returns the group with the metrics above; a run with a damaged file stays as it is, its command does it again."""
    records = {}
    for arm, runs in group.records.items():
        counts, plain = training_counts(group.configuration(arm)), is_plain(group.configuration(arm))
        records[arm] = dict(runs)
        for seed, record in runs.items():
            metrics: dict[str, float] = {}
            try:
                if counts is not None and len(set(counts)) > 1:
                    metrics = _over_priors(record, counts, plain, folder)
                if group.study.name_parts.base in STUDIES_OF_BETA and not plain:
                    metrics = metrics | _betas(record, folder)
            except RecordError:
                continue
            history = record.history | {name: [value] for name, value in metrics.items()}
            records[arm][seed] = record.model_copy(update={"history": history})
    return replace(group, records=records)


def _over_priors(record: Record, counts: list[int], plain: bool, folder: RunFolder) -> dict[str, float]:
    """Returns the calibration at the training's class shares; of a plain network all of the adjusted test scores.

    These are adjusted from the training's class shares to the test images'.
    """
    measured_of = record.files.get(PREDICTIONS, ""), record.key
    if measured_of not in _measured:
        configuration, tensors = record.typed_configuration(), folder.tensors(record, PREDICTIONS)
        data, labels = configuration.data, tensors["test/labels"]
        tested = np.bincount(labels, minlength=len(counts))
        if not tested.all():
            return {}
        output, scores = configuration.network.output, tensors["test/scores"]
        natural = calibration(probabilities_of(output, scores), labels, counts)
        metrics = {f"{NATURAL}/{name}": value for name, value in natural.items()}
        if plain:
            adjusted = probabilities_of(output, adjusted_scores(output, scores, counts, tested.tolist()))
            measured = measure(adjusted, labels, data.classes, data.roles)
            metrics |= {f"{ADJUSTED}/{name}": value for name, value in measured.items()}
        _measured[measured_of] = metrics
    return _measured[measured_of]


def _betas(record: Record, folder: RunFolder) -> dict[str, float]:
    """Returns the learned shift of every class; nothing where there is no final norm."""
    if record.typed_configuration().network.final_norm == "none":
        return {}
    betas = folder.tensors(record, WEIGHTS)["final_norm.bias"]
    classes = record.typed_configuration().data.classes
    return {f"{BETA}/{name}": float(beta) for name, beta in zip(classes, betas, strict=True)}
