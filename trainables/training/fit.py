"""Train one configuration for some seeds, epoch by epoch. No files, no Ray.

All randomness of an epoch follows from (seed, epoch), so a state is only weights, optimiser and epoch number. On a CPU
the same call gives the same bits twice, continued or not, in a new process or a used one; beside other seeds a seed is
the same up to float32 rounding, since seeds may train as one stack.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from trainables.common import StudyError
from trainables.configuration import SMALL_NETWORKS, Configuration
from trainables.data import ImageFiles, Split, draw_split
from trainables.training.inputs import Inputs
from trainables.training.predictions import Predictions
from trainables.training.stack_training import HELD_OUT, StackTraining
from trainables.training.state import State, part_under, put_under
from trainables.training.training_batches import batch_sizes

STACKED_ON_CPU = 20
STACKED_ON_GPU = 4096


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
    _trainings: dict[int, StackTraining] = field(repr=False)

    def state(self) -> State:
        """Returns what `fit(..., state=)` needs to go on after this epoch, as clones."""
        state: State = {"epoch": torch.tensor(self.number)}
        for seed in self.metrics:
            state |= put_under(str(seed), self._training(seed).state(seed))
        for seed, reason in self.failures.items():
            state[f"failure/{seed}"] = torch.tensor(list(reason.encode()), dtype=torch.uint8)
        return state

    def weights(self, seed: int) -> dict[str, Tensor]:
        """Returns the network's state dict of a seed, on the CPU."""
        return self._training(seed).weights(seed)

    def predictions(self, seed: int) -> dict[str, Predictions]:
        """Returns the scores of this epoch per split ("validation", "test", and "-removed" with a final norm)."""
        training = self._training(seed)
        return training.predictions[training.seeds.index(seed)]

    def batch_composition(self, seed: int) -> dict[str, int]:
        """Returns {number of minority images in a training batch: number of such batches so far}."""
        training = self._training(seed)
        return training.batches.compositions[training.seeds.index(seed)]

    def stack_size(self, seed: int) -> int:
        """Returns how many seeds train as one network with this one, itself included."""
        return len(self._training(seed).seeds)

    def _training(self, seed: int) -> StackTraining:
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
    states = None if state is None else {seed: part_under(str(seed), state) for seed in seeds}
    failures: dict[int, str] = {}
    splits: dict[tuple[int, ...], dict[int, Split]] = {}  # batches -> seed -> split: what may step together
    refusal: StudyError | None = None
    for seed in seeds:
        if state is not None and states is not None and not states[seed]:
            failures[seed] = bytes(state[f"failure/{seed}"].tolist()).decode()
            continue
        try:
            split = draw_split(configuration.data, inputs.images, seed)
            splits.setdefault(batch_sizes(configuration, len(split.train)), {})[seed] = split
        except StudyError as error:  # whole groups, say, that give this seed too few images
            failures[seed], refusal = str(error), error
    if refusal is not None and not splits:
        raise refusal
    device = torch.device(device)
    size = most_at_once(configuration, inputs, device)
    trainings = [
        StackTraining(configuration, inputs, some, device, states, held_out)
        for of_one_length in splits.values()
        for some in _in_parts(of_one_length, size)
    ]
    of_seed = {seed: training for training in trainings for seed in training.seeds}
    for number in range(epochs_done + 1, configuration.schedule.epochs + 1):
        metrics: dict[int, dict[str, float]] = {}
        for training in trainings:
            if len(training.failures) < len(training.seeds):
                metrics |= training.run_epoch(number)
            failures |= training.failures
        yield Epoch(number, {seed: metrics[seed] for seed in seeds if seed in metrics}, dict(failures), of_seed)


def most_at_once(configuration: Configuration, inputs: Inputs, device: torch.device) -> int:
    """Returns how many seeds train as one stack: where a network is so light that its steps are overhead.

    Measured on CPUs (tests/benchmarks/RESULTS.md): dense networks and heads on features gain, the cnn's convolutions
    lose. That on a GPU the cnn gains too is assumed, not measured. Images on disk are decoded for one seed at a time. A
    head of somebody's own has no stacked form.
    """
    on_disk = inputs.features is None and isinstance(inputs.images.pixels, ImageFiles)
    if (
        configuration.network.head
        or on_disk
        or not (inputs.features is not None or configuration.network.name in SMALL_NETWORKS)
    ):
        return 1
    if device.type == "cpu":
        return 1 if configuration.network.name == "cnn" else STACKED_ON_CPU
    return STACKED_ON_GPU


def _in_parts(splits: dict[int, Split], size: int) -> Iterator[dict[int, Split]]:
    items = list(splits.items())
    for start in range(0, len(items), size):
        yield dict(items[start : start + size])
