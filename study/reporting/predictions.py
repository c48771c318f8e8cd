"""What an arm's first seed predicted for the test images: what figures and the table of single images show."""

from collections.abc import Callable
from typing import Any

import numpy as np

from study.evidence import Group
from trainables.common import RecordError
from trainables.storage import PREDICTIONS, RunFolder

Arrays = dict[str, np.ndarray[Any, Any]]  # "scores" (images, classes), "labels" (images,), "positions" (images,)
Predictions = Callable[[str], Arrays | None]  # arm -> arrays of its first seed; None where there are none


def predictions_of(group: Group, folder: RunFolder) -> Predictions:
    """Returns the function that reads an arm's test scores, labels and positions of its first seed.

    A file that is missing or damaged is noted in `folder.left_out`, and its arm has none.
    """

    def read(arm: str) -> Arrays | None:
        records = group.records.get(arm)
        if not records:
            return None
        record = records[min(records)]
        try:
            tensors = folder.tensors(record, PREDICTIONS)
        except RecordError as error:
            folder.left_out[f"{record.study}/{record.key}/seed-{record.seed}/{PREDICTIONS}"] = str(error)
            return None
        return {name.removeprefix("test/"): array for name, array in tensors.items() if name.startswith("test/")}

    return read
