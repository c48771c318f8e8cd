"""The Ray Tune Trainable around run.py: a resettable actor that keeps nothing but its data from trial to trial.

A step reports after about a second of epochs, so that short epochs cost no round trip each; a search's, after the
epochs that its scheduler looks at.
"""

import logging
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import ray
import torch
from ray import tune

from trainables.configuration import Configuration, trains_on_features
from trainables.errors import RecordError, StudyError
from trainables.evaluation import VALIDATION_F1
from trainables.networks import latency
from trainables.run import Progress, Trial, run
from trainables.storage import Checkpoint, RunFolder
from trainables.training import Inputs, fit

log = logging.getLogger(__name__)

SECONDS_PER_REPORT = 1.0
INDEX = "index"  # the one entry of a trial's Tune configuration: its place in the trial list


DataKey = tuple[str, int | None]  # source, image size
WeightsKey = tuple[str, str]  # network, identity of its backbone's weights
FeaturesKey = tuple[str, int | None, str, str, str]  # both, and the cut


@dataclass
class Store:
    """References to what trials share in the object store: Images, state dicts, feature arrays."""

    images: dict[DataKey, ray.ObjectRef] = field(default_factory=dict)
    backbones: dict[WeightsKey, ray.ObjectRef] = field(default_factory=dict)
    features: dict[FeaturesKey, ray.ObjectRef] = field(default_factory=dict)

    def inputs(self, configuration: Configuration) -> Inputs:
        """Returns what a configuration trains on, without copies on this node."""
        data, weights = data_key(configuration), weights_key(configuration)
        place = None if weights is None else (*data, *weights, configuration.network.cut)
        on_features = place is not None and trains_on_features(configuration)
        return Inputs(
            images=ray.get(self.images[data]),
            backbone=None if weights is None or on_features else ray.get(self.backbones[weights]),
            features=ray.get(self.features[place]) if place is not None and on_features else None,
        )


def data_key(configuration: Configuration) -> DataKey:
    """Returns what decides the images in memory."""
    return configuration.data.source, configuration.data.image_size


def weights_key(configuration: Configuration) -> WeightsKey | None:
    """Returns what decides the backbone's weights; None where none are given."""
    network = configuration.network
    return None if network.weights == "none" else (network.name, network.weights)


@dataclass(frozen=True)
class Work:
    """Everything the actors of a launch share: what to run, on what, and where records go."""

    trials: Sequence[Trial]
    store: Store
    runs: str
    seconds_per_checkpoint: float = 60.0
    marker: str = ""  # a file that the driver wrote there; a node that does not see it writes elsewhere


@dataclass(frozen=True)
class Search:
    """What the actors of a search share: the arms before tuning, the tuning seeds, and when scores are reported.

    Attributes:
        arms: name -> configuration that a trial's values change.
        seeds: trained in lockstep; a trial's score is their mean.
        report_after: epochs, the last one included.
        metric: the validation metric that is the score.
        latency: whether the network's latency is measured too.
    """

    arms: Mapping[str, Configuration]
    seeds: tuple[int, ...]
    store: Store
    report_after: tuple[int, ...]
    metric: str
    latency: bool


class _Resettable(tune.Trainable):
    """Its checkpoints are empty: Tune's storage is scratch, records and Optuna hold what has to last."""

    def save_checkpoint(self, checkpoint_dir: str) -> dict[str, Any]:
        """Returns nothing to keep."""
        return {}

    def load_checkpoint(self, checkpoint: dict[str, Any] | None) -> None:
        """Does nothing, as there is nothing in a checkpoint."""


class SearchTrainable(_Resettable):
    """Trains a setting of an arm, `config` = {"arm": name, field: value}; it evaluates validation images only."""

    def setup(self, config: dict[str, Any], search: Search) -> None:
        """Prepares the first trial of this process."""
        self.search = search
        self.device = _prepare_process(self.trial_resources)
        self.reset_config(config)

    def reset_config(self, new_config: dict[str, Any]) -> bool:
        """Starts another setting in this process."""
        values = dict(new_config)
        self.configuration = self.search.arms[values.pop("arm")].replace(values)
        inputs = self.search.store.inputs(self.configuration)
        self.epochs = fit(self.configuration, inputs, self.search.seeds, self.device, held_out=("validation",))
        self.latency = {"latency": latency(self.configuration, inputs.images.shape)} if self.search.latency else {}
        return True

    def step(self) -> dict[str, Any]:
        """Trains up to the next epoch that is reported; a seed that fails fails the setting: the score is NaN."""
        try:
            epoch = next(epoch for epoch in self.epochs if epoch.failures or epoch.number in self.search.report_after)
        except StudyError as error:
            return {"epoch": 0, "score": float("nan"), "reason": str(error), "done": True}
        if epoch.failures:
            reason = next(iter(epoch.failures.values()))
            return {"epoch": epoch.number, "score": float("nan"), "reason": reason, "done": True}
        values = [metrics[self.search.metric] for metrics in epoch.metrics.values()]
        done = epoch.number == self.configuration.schedule.epochs
        return {"epoch": epoch.number, "score": sum(values) / len(values), "reason": "", "done": done, **self.latency}


def _prepare_process(resources: Any) -> str:
    """Sets torch's threads to what Ray reserved and returns the device."""
    torch.set_num_threads(max(1, int(resources.required_resources.get("CPU", 1))))
    return "cuda" if ray.get_gpu_ids() and torch.cuda.is_available() else "cpu"


class StudyTrainable(_Resettable):
    """Trains the trial that `config[INDEX]` names; `setup` gets the launch's `Work` from `tune.with_parameters`."""

    def setup(self, config: dict[str, Any], work: Work) -> None:
        """Prepares the first trial of this process."""
        self.work = work
        self.folder = RunFolder(work.runs)
        if work.marker and not self.folder.sees(work.marker):  # a node that joined after the others were asked
            raise RecordError(f"node {ray.util.get_node_ip_address()} does not share the run folder {work.runs}")
        self.device = _prepare_process(self.trial_resources)
        self.reset_config(config)

    def reset_config(self, new_config: dict[str, Any]) -> bool:
        """Starts another trial in this process; all state of the last one goes with its generator."""
        trial = self.work.trials[new_config[INDEX]]
        inputs = self.work.store.inputs(trial.configuration)
        fingerprint = inputs.images.fingerprint
        self.checkpoint = Checkpoint(self.folder, trial.study, trial.configuration.key, trial.seeds, fingerprint)
        kept = self.checkpoint.read()
        state = None if kept is None else {name: torch.from_numpy(value) for name, value in kept.items()}
        self.progress: Iterator[Progress] = run(trial, inputs, self.folder, self.device, state)
        self.last_checkpoint = time.monotonic()
        return True

    def step(self) -> dict[str, Any]:
        """Trains for about a second and reports the epoch, mean validation F1 of the minority, and finished runs."""
        started = time.monotonic()
        while True:
            progress = next(self.progress)
            if progress.records or time.monotonic() - started > SECONDS_PER_REPORT:
                break
        self._keep(progress)
        values = [its[VALIDATION_F1] for its in progress.metrics.values() if VALIDATION_F1 in its]
        return {
            "epoch": progress.epoch,
            "validation_minority_f1": sum(values) / len(values) if values else float("nan"),
            "finished": [(record.seed, record.status, record.reason) for record in progress.records],
            "done": bool(progress.records),
        }

    def _keep(self, progress: Progress) -> None:
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
