"""Which run, and which of its files, to deploy: chosen by validation F1, never by test images."""

import math
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Literal

from export.runs.names import FOLD, KEEP, NONE, RECALIBRATED, TARGET
from trainables.evaluation import VALIDATION_F1
from trainables.storage import Record

if TYPE_CHECKING:
    from export.runs.variants import Exported

BEST_FIRST = (FOLD, KEEP, NONE)  # a fold is its network, exactly, with a node less
WITH_THRESHOLD = {name: (f"{FOLD}-{name}", f"{NONE}-{name}") for name in (RECALIBRATED, TARGET)}


def best_run(records: Iterable[Record]) -> Record:
    """Returns the run with the best validation F1 of the minority; of several the first seed."""
    return max(sorted(records, key=lambda record: record.seed), key=_score)


def best_arm(records: Iterable[Record]) -> str:
    """Returns the arm with the best mean validation F1 over its seeds; one lucky seed makes no arm."""
    scores: dict[str, list[float]] = {}
    for record in records:
        scores.setdefault(record.arm, []).append(_score(record))
    return max(scores, key=lambda arm: sum(scores[arm]) / len(scores[arm]))


def champion(
    exported: "Sequence[Exported]",
    records: Iterable[Record],
    arm: str | None = None,
    threshold: Literal["", "recalibrated", "target"] = "",
) -> "tuple[Exported, str] | None":
    """Returns the run to deploy and the variant of it that decides exactly as it should; None for no good one.

    Args:
        exported: one run or more of each arm.
        records: all runs of these arms: the best arm is that of all its seeds.
        arm: the arm to deploy; None for the best one that was exported.
        threshold: which variant is asked for; "" is the one that decides as it was trained to.
    """
    exported_arms = {run.record.arm for run in exported}
    if arm is None:
        arm = best_arm(record for record in records if record.arm in exported_arms)
    if arm not in exported_arms:
        return None
    best_record = best_run(run.record for run in exported if run.record.arm == arm)
    best = next(run for run in exported if run.record is best_record)
    names = WITH_THRESHOLD[threshold] if threshold else BEST_FIRST
    deployable = [name for name in names if name in best.verifications and best.verifications[name].deployable]
    return (best, deployable[0]) if deployable else None


def _score(record: Record) -> float:
    value = record.metric(VALIDATION_F1)
    return -1.0 if math.isnan(value) else value
