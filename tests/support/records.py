"""Made-up records and run folders: what a test needs of training, without training."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from study.studies import Arm, Study
from trainables.configuration import Configuration
from trainables.storage import Record, RunFolder

Arrays = dict[str, np.ndarray[Any, Any]]
SPLITS = ("validation", "test")


def make_record(
    arm: str = "none",
    seed: int = 0,
    configuration: Configuration | None = None,
    metrics: Mapping[str, float | None] | None = None,
    **fields: Any,
) -> Record:
    """Returns a complete record of one epoch on a CPU.

    Args:
        arm: name of the arm.
        seed: of the run.
        configuration: the record's; by default that of no options.
        metrics: name ("test/f1/minority") -> value after the one epoch.
        fields: what else the record is to say, such as `study`, `key`, `status` or the `history` of several epochs.
    """
    configuration = configuration or Configuration()
    usual = {
        "study": "s",
        "key": configuration.key,
        "status": "complete",
        "configuration": configuration.flat(),
        "data_fingerprint": "f",
        "history": {name: [value] for name, value in (metrics or {}).items()},
        "seconds": 1,
        "finished_at": "2026-01-01T00:00:00+00:00",
        "device": "cpu",
    }
    return Record(arm=arm, seed=seed, **{**usual, **fields})


def make_records(
    study: Study,
    seeds: Sequence[int] = (0, 1),
    metrics: Callable[[Arm, int], Mapping[str, float | None]] = lambda arm, seed: {},
    **fields: Any,
) -> list[Record]:
    """Returns a record of every arm of a study and every seed.

    Args:
        study: whose arms ran.
        seeds: of each arm.
        metrics: arm, seed -> {name: value}.
        fields: what else each record is to say.
    """
    return [
        make_record(arm.name, seed, arm.configuration, metrics(arm, seed), study=study.name, **fields)
        for arm in study.arms
        for seed in seeds
    ]


def make_predictions(num_classes: int = 2, images_per_class: int = 20, splits: Sequence[str] = ("test",)) -> Arrays:
    """Returns random scores of images, the classes one after the other, as a run stores them: "test/scores", ..."""
    generator = np.random.default_rng(1)
    labels = np.repeat(np.arange(num_classes), images_per_class)
    predictions: Arrays = {}
    for split in splits:
        predictions[f"{split}/scores"] = generator.normal(size=(len(labels), num_classes)).astype(np.float32)
        predictions[f"{split}/labels"] = labels
        predictions[f"{split}/positions"] = np.arange(len(labels))
    return predictions


def write_runs(runs: Path | str, records: Iterable[Record], predictions: Arrays | None = None) -> RunFolder:
    """Writes the runs of records, as complete as training leaves them, and returns their folder.

    Args:
        runs: a new or existing run folder.
        records: of the runs; a failed one gets no files.
        predictions: of each run; by default random ones of validation and test images.
    """
    folder = RunFolder(str(runs))
    for record in records:
        if record.status == "failed":
            folder.write(record)
            continue
        of_run = predictions or make_predictions(len(record.typed_configuration().data.classes), 20, SPLITS)
        folder.write(record, {"weight": np.zeros(1, dtype=np.float32)}, of_run)
    return folder
