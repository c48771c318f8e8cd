"""The actor of a study: it runs one trial after another and keeps nothing but its data between them.

A step reports after about a second of epochs, so that short epochs cost no round trip each.
"""

import logging
import math
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import ray

from trainables.common import RecordError
from trainables.configuration import Trial
from trainables.evaluation import VALIDATION_F1
from trainables.storage import Checkpoint, RunFolder
from trainables.tune.actor import ReusedActor
from trainables.tune.reports import TrialReport
from trainables.tune.shared_inputs import Store

if TYPE_CHECKING:
    from trainables.run import Progress

log = logging.getLogger(__name__)

INDEX = "index"  # the one entry of a trial's Tune configuration: its place in the trial list
SECONDS_PER_REPORT = 1.0


@dataclass(frozen=True)
class Work:
    """Everything the actors of a launch share: what to run, on what, and where records go.

    Attributes:
        trials: what to run.
        store: where the data lie.
        runs: the run folder.
        seconds_per_checkpoint: how often the state of a long training is stored.
        marker: a file that the driver wrote in the run folder; a node that does not see it writes elsewhere.
    """

    trials: Sequence[Trial]
    store: Store
    runs: str
    seconds_per_checkpoint: float = 60.0
    marker: str = ""


class StudyTrainable(ReusedActor):
    """Trains the trial that `config[INDEX]` names; `setup` gets the launch's `Work` from `tune.with_parameters`."""

    def setup(self, config: dict[str, Any], work: Work) -> None:
        """Prepares the first trial of this process.

        Raises:
            RecordError: this node joined after the others were asked, and writes its run folder elsewhere.
        """
        self.work = work
        self.folder = RunFolder(work.runs)
        if work.marker and not self.folder.sees(work.marker):
            raise RecordError(f"node {ray.util.get_node_ip_address()} does not share the run folder {work.runs}")
        self.device = self.claim_device()
        self.reset_config(config)

    def reset_config(self, new_config: dict[str, Any]) -> bool:
        """Starts another trial in this process; all state of the last one goes with its generator."""
        import torch  # the driver, which names this class only, does not wait for it

        from trainables.run import run

        trial = self.work.trials[new_config[INDEX]]
        inputs = self.work.store.inputs(trial.configuration)
        fingerprint = inputs.images.fingerprint
        self.checkpoint = Checkpoint(self.folder, trial.study, trial.configuration.key, trial.seeds, fingerprint)
        arrays = self.checkpoint.read()
        state = None if arrays is None else {name: torch.from_numpy(array) for name, array in arrays.items()}
        self.progress: Iterator[Progress] = run(trial, inputs, self.folder, self.device, state)
        self.last_checkpoint = time.monotonic()
        return True

    def step(self) -> dict[str, Any]:
        """Trains for about a second, or to the end, and reports as `TrialReport` says."""
        started = time.monotonic()
        while True:
            progress = next(self.progress)
            if progress.records or time.monotonic() - started > SECONDS_PER_REPORT:
                break
        self._keep(progress)
        scores = [metrics[VALIDATION_F1] for metrics in progress.metrics.values() if VALIDATION_F1 in metrics]
        return TrialReport(
            epoch=progress.epoch,
            validation_minority_f1=sum(scores) / len(scores) if scores else math.nan,
            failures={record.seed: record.reason for record in progress.records if record.status == "failed"},
            done=bool(progress.records),
        ).to_result()

    def _keep(self, progress: "Progress") -> None:
        """Stores the state of a long training now and then, under its key; a trial that has ended needs none."""
        if progress.records:
            try:
                self.checkpoint.remove()
            except RecordError as error:  # the runs are recorded, and a checkpoint of theirs is never read again
                log.warning("a checkpoint stays behind: %s", error)
        elif time.monotonic() - self.last_checkpoint > self.work.seconds_per_checkpoint:
            try:
                self.checkpoint.write({name: value.numpy() for name, value in progress.state().items()})
            except RecordError as error:  # a training goes on without; its record will say if nothing can be written
                log.warning("no checkpoint: %s", error)
            self.last_checkpoint = time.monotonic()
