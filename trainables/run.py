"""Configuration + seeds -> records: what the Ray adapter wraps and a bare GPU machine calls without Ray."""

import logging
import math
import platform
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache, partial
from importlib.metadata import PackageNotFoundError, version
from typing import Literal

import torch

from trainables.common import StudyError
from trainables.configuration import Configuration, Trial
from trainables.evaluation import metric_key
from trainables.storage import Record, RunFolder
from trainables.training import Epoch, Inputs, State, fit, part_under, put_under

log = logging.getLogger(__name__)

_PACKAGES = ("final-bn", "torch", "torchvision", "numpy", "ray")
_History = dict[int, dict[str, list[float]]]  # seed -> split/metric/class -> one value per epoch, NaN where undefined


@dataclass(frozen=True)
class Progress:
    """What is known after an epoch: its number, the seeds' metrics, and (after the last epoch) the records written."""

    epoch: int
    metrics: dict[int, dict[str, float]]
    records: list[Record]
    _make_state: Callable[[], State] | None = None

    def state(self) -> State:
        """Returns what `run(..., state=)` needs to go on after this epoch.

        Raises:
            ValueError: the run has ended, or has been asked for its next epoch.
        """
        if self._make_state is None:
            raise ValueError("a run that has ended has no state to go on with")
        return self._make_state()


def run(
    trial: Trial, inputs: Inputs, folder: RunFolder, device: str = "cpu", state: State | None = None
) -> Iterator[Progress]:
    """Trains a trial, yields after every epoch, and writes one record per seed at the end.

    A seed that cannot be trained (bad counts, a loss that is not finite, an error of the device) ends as a failed
    record with its reason; the other seeds go on.

    Args:
        trial: what to run.
        inputs: its data set, backbone weights and features.
        folder: where the records go.
        device: a torch device.
        state: from `Progress.state()`; the run goes on after it, to the same bits on a CPU.

    Raises:
        RecordError: the run folder cannot be written.
    """
    started = time.monotonic() - (float(state["seconds"]) if state else 0.0)  # as if trained without a break
    history: _History = {seed: {} for seed in trial.seeds} | (_history_of(state) if state else {})
    writer = _Writer(trial, inputs, folder, device)
    epochs = fit(trial.configuration, inputs, trial.seeds, device, state)
    while True:
        try:
            epoch = next(epochs)
        except Exception as error:  # recorded with its reason and reported: never lost, never fatal to other trials
            log.debug("%s failed", trial.arm, exc_info=True)
            reason = str(error) if isinstance(error, StudyError) else f"{type(error).__name__}: {error}"
            yield Progress(0, {}, [writer.failed(seed, reason, history[seed], 0.0) for seed in trial.seeds])
            return
        for seed, values in epoch.metrics.items():
            for name, value in values.items():
                history[seed].setdefault(name, []).append(float(f"{value:.7g}"))
        seconds = time.monotonic() - started
        if epoch.number < trial.configuration.schedule.epochs and epoch.metrics:
            yield Progress(epoch.number, epoch.metrics, [], partial(_state_of, epoch, history, seconds))
            continue
        seconds_of_seed = seconds / len(trial.seeds)
        records = [
            writer.failed(seed, epoch.failures[seed], history[seed], seconds_of_seed)
            if seed in epoch.failures
            else writer.complete(seed, epoch, history[seed], seconds_of_seed)
            for seed in trial.seeds
        ]
        yield Progress(epoch.number, epoch.metrics, records)
        return


class _Writer:
    """Turns the outcome of one seed into a stored record."""

    def __init__(self, trial: Trial, inputs: Inputs, folder: RunFolder, device: str) -> None:
        self.trial, self.inputs, self.folder, self.device = trial, inputs, folder, device

    def complete(self, seed: int, epoch: Epoch, history: dict[str, list[float]], seconds: float) -> Record:
        arrays = {}
        sample_names: dict[str, list[str]] = {}
        for split, predictions in epoch.predictions(seed).items():
            arrays[f"{split}/scores"] = predictions.scores.numpy()
            arrays[f"{split}/labels"] = predictions.labels.numpy()
            arrays[f"{split}/positions"] = predictions.positions.numpy()
            if not split.endswith("-removed"):
                sample_names[split] = [self.inputs.images.sample_names[i] for i in predictions.positions.tolist()]
        weights = {name: value.numpy() for name, value in epoch.weights(seed).items()}
        composition, stack_size = epoch.batch_composition(seed), epoch.stack_size(seed)
        record = self._record(seed, "complete", "", history, seconds, composition, stack_size)
        return self.folder.write(record, weights, arrays, sample_names)

    def failed(self, seed: int, reason: str, history: dict[str, list[float]], seconds: float) -> Record:
        return self.folder.write(self._record(seed, "failed", reason, history, seconds, {}))

    def _record(
        self,
        seed: int,
        status: Literal["complete", "failed"],
        reason: str,
        history: dict[str, list[float]],
        seconds: float,
        composition: dict[str, int],
        stack_size: int = 1,
    ) -> Record:
        configuration = self.trial.configuration
        return Record(
            study=self.trial.study,
            arm=self.trial.arm,
            key=configuration.key,
            seed=seed,
            status=status,
            reason=reason,
            configuration=configuration.flat(),
            data_fingerprint=self.inputs.images.fingerprint,
            history={name: [None if math.isnan(v) else v for v in values] for name, values in history.items()},
            best_epoch_by_validation=_best_epoch(history, "validation", configuration),
            best_epoch_by_test=_best_epoch(history, "test", configuration),
            batch_composition=composition,
            stack_size=stack_size,
            seconds=round(seconds, 4),
            finished_at=datetime.now(UTC).isoformat(timespec="seconds"),
            device=_device_name(self.device),
            versions=_versions(),
        )


def _best_epoch(history: dict[str, list[float]], split: str, configuration: Configuration) -> int | None:
    """Returns the first epoch (from 1) with the highest mean F1 over the classes, None where it is undefined."""
    f1_of_classes = [history.get(metric_key(split, "f1", name), []) for name in configuration.data.classes]
    means = [sum(values) / len(values) for values in zip(*f1_of_classes, strict=True)]  # one per epoch
    defined = {epoch: mean for epoch, mean in enumerate(means, start=1) if not math.isnan(mean)}
    return max(defined, key=defined.__getitem__) if defined else None


def _state_of(epoch: Epoch, history: _History, seconds: float) -> State:
    state = epoch.state() | {"seconds": torch.tensor(seconds, dtype=torch.float64)}
    for seed, values_of_metric in history.items():
        tensors = {name: torch.tensor(values, dtype=torch.float64) for name, values in values_of_metric.items()}
        state |= put_under(f"history/{seed}", tensors)
    return state


def _history_of(state: State) -> _History:
    history: _History = {}
    for name, values in part_under("history", state).items():
        seed, metric = name.split("/", 1)
        history.setdefault(int(seed), {})[metric] = values.tolist()
    return history


@cache
def _versions() -> dict[str, str]:
    versions = {"python": platform.python_version()}
    for package in _PACKAGES:
        try:
            versions[package] = version(package)
        except PackageNotFoundError:
            continue  # Ray may be absent, and so may this package's metadata where it runs from a folder
    return versions


def _device_name(device: str) -> str:
    return torch.cuda.get_device_name(device) if device.startswith("cuda") else device
