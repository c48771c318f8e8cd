"""Which run, and which of its files, to deploy: chosen by validation F1, never by test images."""

from collections.abc import Iterable, Sequence

from export.variants import FOLD, KEEP, NONE, Exported
from trainables.records import Record

VALIDATION_F1 = "validation/f1/minority"
_BEST_FIRST = (FOLD, KEEP, NONE)  # a fold is its network, exactly, with a node less


def best_run(records: Iterable[Record]) -> Record:
    """Returns the run with the best validation F1 of the minority; of several the first seed."""
    return max(sorted(records, key=lambda record: record.seed), key=_score)


def champion(exported: Sequence[Exported]) -> tuple[Exported, str]:
    """Returns the best run that was exported and the variant of it that decides exactly as it was trained to."""
    best = best_run(done.record for done in exported)
    done = next(done for done in exported if done.record is best)
    return done, next(variant for variant in _BEST_FIRST if variant in done.files)


def _score(record: Record) -> float:
    value = record.metric(VALIDATION_F1)
    return value if value == value else -1.0
