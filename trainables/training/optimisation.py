"""The optimiser and its learning rate over the steps.

torch's functions for AdamW and Adam are called as its optimiser classes call them, so the numbers are theirs to the
bit; the classes themselves import torch's compiler, which takes every process that trains two seconds.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor
from torch.optim.adam import adam
from torch.optim.adamw import adamw

from trainables.configuration import Configuration
from trainables.networks import Stack

BETA1 = 0.9  # of AdamW and Adam; a one-cycle schedule moves it between 0.85 and 0.95


@dataclass
class _Group:
    """Parameters that decay alike, with their moments."""

    parameters: list[Tensor]
    weight_decay: float
    rate: float = 1.0  # times the learning rate
    steps: list[Tensor] = field(default_factory=list)
    first_moments: list[Tensor] = field(default_factory=list)
    second_moments: list[Tensor] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.steps = [torch.zeros((), device=parameter.device) for parameter in self.parameters]
        self.first_moments = [torch.zeros_like(parameter) for parameter in self.parameters]
        self.second_moments = [torch.zeros_like(parameter) for parameter in self.parameters]


class Optimisation:
    """AdamW or Adam of a stack, with a constant or one-cycle learning rate; knows how many steps it has done."""

    def __init__(self, stack: Stack, configuration: Configuration, total_steps: int) -> None:
        """Sets up for `total_steps` steps; norms and biases (one axis in a member) decay if `decays` is all."""
        settings = configuration.optimiser
        self._stack = stack
        parameters = [parameter for parameter in stack.parameters() if parameter.requires_grad]
        body = {id(parameter) for parameter in stack.network.backbone.parameters()}
        self._groups = []
        for rate in dict.fromkeys((1.0, settings.backbone_rate)):
            of_rate = [p for p in parameters if rate == (settings.backbone_rate if id(p) in body else 1.0)]
            decay = settings.weight_decay
            decay_of_vectors = decay if settings.decays == "all" else 0.0
            self._groups += [
                _Group([p for p in of_rate if stack.num_axes(p) > 1], decay, rate),
                _Group([p for p in of_rate if stack.num_axes(p) <= 1], decay_of_vectors, rate),
            ]
        self._beta2, self._eps = settings.beta2, settings.eps
        self._update = {"adamw": adamw, "adam": adam}[settings.name]
        self._steps_done = 0
        if configuration.schedule.learning_rate_shape == "one-cycle":
            self._rate_and_beta = _one_cycle(settings.learning_rate, total_steps)
        else:
            self._rate_and_beta = [(settings.learning_rate, BETA1)]

    def step(self, loss: Tensor) -> None:
        """Moves the parameters against the gradient of `loss` (), the sum of the members' losses."""
        for group in self._groups:
            for parameter in group.parameters:
                parameter.grad = None
        loss.backward()
        learning_rate, beta = self._rate_and_beta[min(self._steps_done, len(self._rate_and_beta) - 1)]
        for group in self._groups:
            self._step_group(group, learning_rate, beta)
        self._steps_done += 1

    @torch.no_grad()
    def _step_group(self, group: _Group, learning_rate: float, beta: float) -> None:
        moved = [i for i, parameter in enumerate(group.parameters) if parameter.grad is not None]
        gradients = [group.parameters[i].grad for i in moved]
        if moved:
            self._update(
                [group.parameters[i] for i in moved],
                [gradient for gradient in gradients if gradient is not None],
                [group.first_moments[i] for i in moved],
                [group.second_moments[i] for i in moved],
                [],
                [group.steps[i] for i in moved],
                foreach=False,
                fused=True,
                amsgrad=False,
                beta1=beta,
                beta2=self._beta2,
                lr=learning_rate * group.rate,
                weight_decay=group.weight_decay,
                eps=self._eps,
                maximize=False,
            )

    def state(self, member: int) -> dict[str, Tensor]:
        """Returns {"index/moment": value} of every parameter of a member: clones on the CPU."""
        state = {}
        for index, (group, i) in enumerate(self._places()):
            state[f"{index}/step"] = group.steps[i].cpu().clone()
            for name, moments in _by_name(group).items():
                state[f"{index}/{name}"] = self._stack.of_member(moments[i], member).cpu().clone()
        return state

    def restore(self, states: Sequence[dict[str, Tensor]], steps_done: int) -> None:
        """Takes up the states of all members, as `state` returned them after `steps_done` steps."""
        for member, state in enumerate(states):
            for index, (group, i) in enumerate(self._places()):
                if f"{index}/step" in state:
                    group.steps[i].copy_(state[f"{index}/step"])
                    for name, moments in _by_name(group).items():
                        self._stack.of_member(moments[i], member).copy_(state[f"{index}/{name}"])
        self._steps_done = steps_done

    def _places(self) -> list[tuple[_Group, int]]:
        return [(group, i) for group in self._groups for i in range(len(group.parameters))]


def _by_name(group: _Group) -> dict[str, list[Tensor]]:
    """Returns the moments under the names that torch's optimisers give them."""
    return {"exp_avg": group.first_moments, "exp_avg_sq": group.second_moments}


def _one_cycle(highest: float, total_steps: int) -> list[tuple[float, float]]:
    """Returns torch's one-cycle learning rate and first beta of each step."""
    optimiser = torch.optim.AdamW([torch.zeros(1)], lr=highest)
    cycle = torch.optim.lr_scheduler.OneCycleLR(optimiser, max_lr=highest, total_steps=total_steps + 1)
    optimiser.step()  # torch wants one before the first step of the schedule
    rates = []
    for _ in range(total_steps):
        [group] = optimiser.param_groups
        rates.append((float(group["lr"]), float(group["betas"][0])))
        cycle.step()
    return rates
