"""Train one configuration for some seeds, epoch by epoch. No files, no Ray.

All randomness of an epoch follows from (seed, epoch), so a state is only weights, optimiser and epoch number, and a
training that is continued, run beside other seeds, or run in a used process gives the same bits on a CPU.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from trainables.configuration import Configuration
from trainables.errors import NonFiniteLossError, StudyError
from trainables.training.inputs import Inputs
from trainables.training.one_seed import HELD_OUT, Predictions, Training

State = dict[str, Tensor]  # flat, so that it can be stored without a pickle


@dataclass(frozen=True)
class Epoch:
    """What one epoch brought, for the seeds that were trained in lockstep.

    Attributes:
        number: epochs done, 1 after the first.
        metrics: seed -> {"split/metric/class": value}; a seed that failed is absent.
        failures: seed -> reason, for every seed that failed in this epoch or before.
    """

    number: int
    metrics: dict[int, dict[str, float]]
    failures: dict[int, str]
    _trainings: dict[int, Training] = field(repr=False)

    def state(self) -> State:
        """Returns what `fit(..., state=)` needs to go on after this epoch; valid until the next epoch is asked for."""
        state: State = {"epoch": torch.tensor(self.number)}
        for seed in self.metrics:
            state |= {f"{seed}/{name}": value for name, value in self._trainings[seed].state().items()}
        for seed, reason in self.failures.items():
            state[f"failure/{seed}"] = torch.tensor(list(reason.encode()), dtype=torch.uint8)
        return state

    def weights(self, seed: int) -> dict[str, Tensor]:
        """Returns the network's state dict of a seed, on the CPU."""
        return self._trainings[seed].weights()

    def predictions(self, seed: int) -> dict[str, Predictions]:
        """Returns the scores of this epoch per split ("validation", "test", and "-removed" with a final norm)."""
        return self._trainings[seed].predictions

    def batch_composition(self, seed: int) -> dict[str, int]:
        """Returns {number of minority images in a training batch: number of such batches so far}."""
        return self._trainings[seed].batch_composition


def fit(
    configuration: Configuration,
    inputs: Inputs,
    seeds: Sequence[int],
    device: torch.device | str = "cpu",
    state: State | None = None,
    held_out: Sequence[str] = HELD_OUT,
) -> Iterator[Epoch]:
    """Yields after every epoch; the last one is number `configuration.schedule.epochs`.

    Args:
        configuration: what to train.
        inputs: the data set that `configuration.data.source` names, backbone weights, features.
        seeds: repetitions; each draws its own split, initial weights and batch order.
        device: where the data lie and the network trains.
        state: from `Epoch.state()` of the same configuration and seeds; training goes on after it. Seeds that
            the state lacks had failed and stay out.
        held_out: the splits that are evaluated; a search leaves "test" out, so that it never sees it.

    Raises:
        StudyError: data that do not fit the configuration for any seed. Data that do not fit for one seed, or a loss
            that is not finite, end that seed only.
    """
    done = 0 if state is None else int(state["epoch"])
    failures: dict[int, str] = {}
    trainings: dict[int, Training] = {}
    refused: StudyError | None = None
    for seed in seeds:
        own = (
            None
            if state is None
            else {n.removeprefix(f"{seed}/"): v for n, v in state.items() if n.startswith(f"{seed}/")}
        )
        if state is not None and not own:
            failures[seed] = bytes(state[f"failure/{seed}"].tolist()).decode()
        else:
            try:
                trainings[seed] = Training(configuration, inputs, seed, torch.device(device), own, held_out)
            except StudyError as error:  # whole groups, say, that give this seed too few images
                failures[seed], refused = str(error), error
    if refused is not None and not trainings:
        raise refused
    for number in range(done + 1, configuration.schedule.epochs + 1):
        metrics: dict[int, dict[str, float]] = {}
        for seed, training in trainings.items():
            if seed in failures:
                continue
            try:
                metrics[seed] = training.run_epoch(number)
            except NonFiniteLossError as error:
                failures[seed] = str(error)
        yield Epoch(number, metrics, dict(failures), trainings)
