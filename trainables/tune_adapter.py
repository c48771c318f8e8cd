"""The Ray Tune Trainable around run.py: a resettable actor that keeps nothing but its data from trial to trial.

A step reports after about a second of epochs (or after every epoch, for schedulers that need it), so that short epochs
cost no round trip each.
"""

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import ray
import torch
from ray import tune

from trainables.datasets import Images
from trainables.records import RunFolder
from trainables.run import Progress, Trial, run

SECONDS_PER_REPORT = 1.0
INDEX = "index"  # the one entry of a trial's Tune configuration: its place in the trial list


@dataclass(frozen=True)
class Work:
    """Everything the actors of a launch share: what to run, on which data, and where records go."""

    trials: Sequence[Trial]
    data: Mapping[str, ray.ObjectRef]  # data source -> (Images, fingerprint) in the object store
    runs: str
    every_epoch: bool = False


class StudyTrainable(tune.Trainable):
    """Trains the trial that `config[INDEX]` names; `setup` gets the launch's `Work` from `tune.with_parameters`."""

    def setup(self, config: dict[str, Any], work: Work) -> None:
        """Prepares the first trial of this process."""
        self.work = work
        self.folder = RunFolder(work.runs)
        self.device = "cuda" if ray.get_gpu_ids() and torch.cuda.is_available() else "cpu"
        torch.set_num_threads(max(1, int(self.trial_resources.required_resources.get("CPU", 1))))
        self.loaded: dict[str, tuple[Images, str]] = {}
        self.reset_config(config)

    def reset_config(self, new_config: dict[str, Any]) -> bool:
        """Starts another trial in this process; all state of the last one goes with its generator."""
        trial = self.work.trials[new_config[INDEX]]
        source = trial.configuration.data.source
        if source not in self.loaded:
            self.loaded[source] = ray.get(self.work.data[source])
        self.progress: Iterator[Progress] = run(trial, *self.loaded[source], self.folder, self.device)
        return True

    def step(self) -> dict[str, Any]:
        """Trains for about a second and reports the epoch, mean validation F1 of the minority, and finished runs."""
        started = time.monotonic()
        while True:
            progress = next(self.progress)
            if progress.records or self.work.every_epoch or time.monotonic() - started > SECONDS_PER_REPORT:
                break
        values = [metrics["validation/f1/minority"] for metrics in progress.metrics.values()
                  if "validation/f1/minority" in metrics]  # fmt: skip
        return {
            "epoch": progress.epoch,
            "validation_minority_f1": sum(values) / len(values) if values else float("nan"),
            "finished": [(record.seed, record.status, record.reason) for record in progress.records],
            "done": bool(progress.records),
        }

    def save_checkpoint(self, checkpoint_dir: str) -> dict[str, Any]:
        """Returns an empty checkpoint: Tune's storage is scratch, a long run's own checkpoint lies under its key."""
        return {}

    def load_checkpoint(self, checkpoint: dict[str, Any] | None) -> None:
        """Does nothing, as there is nothing in a checkpoint."""
