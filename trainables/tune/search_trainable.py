"""The actor of a search: it trains one setting of an arm after another and reports what validation says of it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from trainables.common import StudyError
from trainables.configuration import Configuration
from trainables.tune.actor import ReusedActor
from trainables.tune.reports import SearchReport
from trainables.tune.shared_inputs import Store

ARM = "arm"  # the entry of a trial's Tune configuration that names its arm; the others are fields and their values


@dataclass(frozen=True)
class Search:
    """What the actors of a search share: the arms before tuning, the tuning seeds, and when scores are reported.

    Attributes:
        arms: name -> configuration that a trial's values change.
        seeds: trained in lockstep; a trial's score is their mean.
        store: where the data lie.
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


class SearchTrainable(ReusedActor):
    """Trains a setting of an arm, `config` = {ARM: name, field: value}; it evaluates validation images only."""

    def setup(self, config: dict[str, Any], search: Search) -> None:
        """Prepares the first trial of this process."""
        self.search = search
        self.device = self.claim_device()
        self.reset_config(config)

    def reset_config(self, new_config: dict[str, Any]) -> bool:
        """Starts another setting in this process."""
        from trainables.networks import latency  # the driver, which names this class only, does not wait for torch
        from trainables.training import fit

        values = dict(new_config)
        self.configuration = self.search.arms[values.pop(ARM)].replace(values)
        inputs = self.search.store.inputs(self.configuration)
        self.epochs = fit(self.configuration, inputs, self.search.seeds, self.device, held_out=("validation",))
        self.latency = latency(self.configuration, inputs.images.shape) if self.search.latency else None
        return True

    def step(self) -> dict[str, Any]:
        """Trains up to the next epoch that is reported, and reports it as `SearchReport` says."""
        return self._train().to_result()

    def _train(self) -> SearchReport:
        """A seed that fails fails the setting."""
        try:
            epoch = next(epoch for epoch in self.epochs if epoch.failures or epoch.number in self.search.report_after)
        except StudyError as error:
            return SearchReport.failed(0, str(error))
        if epoch.failures:
            return SearchReport.failed(epoch.number, next(iter(epoch.failures.values())))
        scores = [metrics[self.search.metric] for metrics in epoch.metrics.values()]
        is_last = epoch.number == self.configuration.schedule.epochs
        return SearchReport(epoch.number, sum(scores) / len(scores), self.latency, done=is_last)
