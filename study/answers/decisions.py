"""What the runs of a group decide: from their stored scores, as they were trained and at a threshold of their own.

`recalibrated` is what export's variant of that name does: the scores are shifted so that argmax decides at the
threshold that is best on validation. That threshold knows the validation images, so its F1 there is cross-fitted: every
image is decided at a threshold that was chosen without it. Test images choose nothing.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from study.evidence import Group
from trainables.common import RecordError
from trainables.configuration import Data
from trainables.evaluation import Confusion, odds_of, score_shift
from trainables.storage import PREDICTIONS, Record, RunFolder

AS_TRAINED, RECALIBRATED = "as trained", "recalibrated"
FOLDS = 5  # of the validation images, for the F1 of a threshold that was chosen on them

Scores = npt.NDArray[np.floating[Any]]
Labels = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class RunDecisions:
    """What a run decides in one way.

    Attributes:
        validation_f1: of the rare role, by which ways and arms are chosen; NaN where validation lacks a role.
        test: counts over the test images.
        rare: positions, in the data set, of the rare test images.
        taken: positions of the test images that are taken for rare.
    """

    validation_f1: float
    test: Confusion
    rare: frozenset[int]
    taken: frozenset[int]


Decisions = Mapping[str, Mapping[str, Mapping[int, RunDecisions]]]  # arm -> AS_TRAINED or RECALIBRATED -> seed -> value


def read_decisions(group: Group, folder: RunFolder) -> Decisions:
    """Returns what the runs of a group decide; a run whose predictions are missing or damaged is left out."""
    decisions: dict[str, dict[str, dict[int, RunDecisions]]] = {}
    for arm, records in group.records.items():
        for seed, record in sorted(records.items()):
            try:
                ways = decisions_of(record, folder)
            except RecordError as error:  # its command does it again
                folder.left_out[f"{record.study}/{record.key}/seed-{seed}/{PREDICTIONS}"] = str(error)
                continue
            for way, decided in ways.items():
                decisions.setdefault(arm, {}).setdefault(way, {})[seed] = decided
    return decisions


def decisions_of(record: Record, folder: RunFolder) -> dict[str, RunDecisions]:
    """Returns what a run decides, by way; only AS_TRAINED where validation lacks images of a role.

    Raises:
        RecordError: the predictions of the run are missing or damaged.
    """
    tensors, data = folder.tensors(record, PREDICTIONS), record.typed_configuration().data
    num_classes, num_majority = len(data.classes), len(data.majority)
    scores, labels = tensors["test/scores"], tensors["test/labels"]
    validated = tensors.get("validation/scores", np.zeros((0, num_classes)))
    labels_validated = tensors.get("validation/labels", np.zeros(0, dtype=np.int64))
    is_rare, is_rare_validated = labels >= num_majority, labels_validated >= num_majority

    def way(is_taken_validated: Flags, shift: Scores) -> RunDecisions:
        is_taken = _is_taken(scores + shift, num_majority)
        return RunDecisions(
            _count(is_rare_validated, is_taken_validated).f1,
            _count(is_rare, is_taken),
            frozenset(tensors["test/positions"][is_rare].tolist()),
            frozenset(tensors["test/positions"][is_taken].tolist()),
        )

    ways = {AS_TRAINED: way(_is_taken(validated, num_majority), np.zeros(num_classes))}
    if 1 < is_rare_validated.sum() < len(is_rare_validated) - 1:
        shift = _shift(validated, labels_validated, data)
        ways[RECALIBRATED] = way(_cross_fitted(validated, labels_validated, data), shift)
    return ways


def _cross_fitted(scores: Scores, labels: Labels, data: Data) -> Flags:
    """Returns which validation images (n,) are taken for rare, each at a threshold chosen on the other folds."""
    from sklearn.model_selection import StratifiedKFold  # takes seconds to import

    num_majority = len(data.majority)
    is_rare = labels >= num_majority
    num_folds = int(min(FOLDS, is_rare.sum(), (~is_rare).sum()))
    is_taken = np.zeros(len(labels), dtype=np.bool_)
    for others, held_out in StratifiedKFold(num_folds, shuffle=True, random_state=0).split(scores, is_rare):
        shift = _shift(scores[others], labels[others], data)
        is_taken[held_out] = _is_taken(scores[held_out] + shift, num_majority)
    return is_taken


def _shift(scores: Scores, labels: Labels, data: Data) -> Scores:
    num_majority = len(data.majority)
    return score_shift(scores.astype(np.float64), labels, num_majority, odds_of(data, labels >= num_majority))


def _is_taken(scores: Scores, num_majority: int) -> Flags:
    """Returns which images (n,) argmax takes for rare."""
    return np.asarray(scores.argmax(axis=1) >= num_majority)


def _count(is_rare: Flags, is_taken: Flags) -> Confusion:
    return Confusion(
        int((is_rare & is_taken).sum()), int(is_rare.sum()), int((~is_rare & is_taken).sum()), int((~is_rare).sum())
    )
