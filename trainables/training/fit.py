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
from trainables.training.one_seed import HELD_OUT, OneSeedTraining
from trainables.training.predictions import Predictions
from trainables.training.state import State, part_under, put_under


@dataclass(frozen=True)
class Epoch:
    """What one epoch brought, for the seeds that were trained in lockstep.

    The methods look into the trainings as they are, so they serve until the next epoch is asked for and raise
    ValueError after that.

    Attributes:
        number: epochs done, 1 after the first.
        metrics: seed -> {"split/metric/class": value}; a seed that failed is absent.
        failures: seed -> reason, for every seed that failed in this epoch or before.
    """

    number: int
    metrics: dict[int, dict[str, float]]
    failures: dict[int, str]
    _trainings: dict[int, OneSeedTraining] = field(repr=False)

    def state(self) -> State:
        """Returns what `fit(..., state=)` needs to go on after this epoch, as clones."""
        state: State = {"epoch": torch.tensor(self.number)}
        for seed in self.metrics:
            state |= put_under(str(seed), self._training(seed).state())
        for seed, reason in self.failures.items():
            state[f"failure/{seed}"] = torch.tensor(list(reason.encode()), dtype=torch.uint8)
        return state

    def weights(self, seed: int) -> dict[str, Tensor]:
        """Returns the network's state dict of a seed, on the CPU."""
        return self._training(seed).weights()

    def predictions(self, seed: int) -> dict[str, Predictions]:
        """Returns the scores of this epoch per split ("validation", "test", and "-removed" with a final norm)."""
        return self._training(seed).predictions

    def batch_composition(self, seed: int) -> dict[str, int]:
        """Returns {number of minority images in a training batch: number of such batches so far}."""
        return self._training(seed).batches.composition

    def _training(self, seed: int) -> OneSeedTraining:
        training = self._trainings[seed]
        if training.epochs_done != self.number:
            raise ValueError(f"epoch {self.number} is over: seed {seed} has gone on to epoch {training.epochs_done}")
        return training


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
    epochs_done = 0 if state is None else int(state["epoch"])
    failures: dict[int, str] = {}
    trainings: dict[int, OneSeedTraining] = {}
    refusal: StudyError | None = None
    for seed in seeds:
        state_of_seed = None if state is None else part_under(str(seed), state)
        if state is not None and not state_of_seed:
            failures[seed] = bytes(state[f"failure/{seed}"].tolist()).decode()
            continue
        try:
            trainings[seed] = OneSeedTraining(
                configuration, inputs, seed, torch.device(device), state_of_seed, held_out
            )
        except StudyError as error:  # whole groups, say, that give this seed too few images
            failures[seed], refusal = str(error), error
    if refusal is not None and not trainings:
        raise refusal
    for number in range(epochs_done + 1, configuration.schedule.epochs + 1):
        going_on = {seed: training for seed, training in trainings.items() if seed not in failures}
        metrics, new_failures = _run_epoch(going_on, number)
        failures |= new_failures
        yield Epoch(number, metrics, dict(failures), trainings)


def _run_epoch(
    trainings: dict[int, OneSeedTraining], number: int
) -> tuple[dict[int, dict[str, float]], dict[int, str]]:
    """Moves all seeds on by an epoch, one after another: where seeds that train as one stack would step together.

    Returns:
        {seed: its metrics} of those that went well, and {seed: reason} of those whose loss was not finite.
    """
    metrics: dict[int, dict[str, float]] = {}
    failures: dict[int, str] = {}
    for seed, training in trainings.items():
        try:
            metrics[seed] = training.run_epoch(number)
        except NonFiniteLossError as error:
            failures[seed] = str(error)
    return metrics, failures
