"""The optimiser and its learning rate over the steps."""

from functools import partial

import torch
from torch import Tensor, nn
from torch.optim.lr_scheduler import OneCycleLR

from trainables.configuration import Configuration

Y19_EPS = 1e-8  # Adam's, which is torch's default too


class Optimisation:
    """AdamW or Adam with a constant or one-cycle learning rate; knows how many steps it has done."""

    def __init__(self, network: nn.Module, configuration: Configuration, total_steps: int) -> None:
        """Sets up for `total_steps` steps; weight decay never acts on norms and biases (one dimension)."""
        settings = configuration.optimiser
        parameters = [parameter for parameter in network.parameters() if parameter.requires_grad]
        groups = [
            {"params": [p for p in parameters if p.ndim > 1], "weight_decay": settings.weight_decay},
            {"params": [p for p in parameters if p.ndim <= 1], "weight_decay": 0.0},
        ]
        make = {"adamw": torch.optim.AdamW, "adam": torch.optim.Adam}[settings.name]
        self._optimiser = make(groups, lr=settings.learning_rate, eps=Y19_EPS, fused=True)
        self._cycle: OneCycleLR | None = None
        self._make_cycle = partial(
            OneCycleLR, self._optimiser, max_lr=settings.learning_rate, total_steps=total_steps + 1
        )
        if configuration.schedule.learning_rate_shape == "one-cycle":
            self._cycle = self._make_cycle()

    def step(self, loss: Tensor) -> None:
        """Moves the parameters against the gradient of `loss`."""
        self._optimiser.zero_grad()
        loss.backward()
        self._optimiser.step()
        if self._cycle is not None:
            self._cycle.step()

    def state(self) -> dict[str, Tensor]:
        """Returns {"index/moment": value} of every parameter: clones on the CPU."""
        moments = self._optimiser.state_dict()["state"]
        return {
            f"{index}/{name}": value.cpu().clone()
            for index, moments_of_parameter in moments.items()
            for name, value in moments_of_parameter.items()
        }

    def restore(self, state: dict[str, Tensor], steps_done: int) -> None:
        """Takes up a state of `state()` after `steps_done` steps."""
        moments: dict[int, dict[str, Tensor]] = {}
        for name, value in state.items():
            index, moment = name.split("/")
            moments.setdefault(int(index), {})[moment] = value
        groups = self._optimiser.state_dict()["param_groups"]
        self._optimiser.load_state_dict({"state": moments, "param_groups": groups})
        for parameter, moments_of_parameter in self._optimiser.state.items():
            for name, value in moments_of_parameter.items():
                if value.dim():  # fused steps pair memory, so its layout has to be the parameter's
                    moments_of_parameter[name] = torch.empty_like(parameter).copy_(value)
        if self._cycle is not None:
            self._cycle = self._make_cycle(last_epoch=steps_done - 1)
