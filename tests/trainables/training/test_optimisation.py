"""The steps are those of torch's optimiser classes to the bit, and a training process does without torch's compiler."""

import subprocess
import sys

import pytest
import torch
from torch import nn

from trainables.configuration import Configuration
from trainables.networks import Stack
from trainables.training.optimisation import BETAS, Y19_EPS, Optimisation

STEPS = 30


def _network() -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(8, 16), nn.BatchNorm1d(16), nn.ReLU(), nn.Linear(16, 2))


def _by_torch(network: nn.Module, name: str, shape: str, weight_decay: float) -> None:
    parameters = list(network.parameters())
    groups = [
        {"params": [p for p in parameters if p.ndim > 1], "weight_decay": weight_decay},
        {"params": [p for p in parameters if p.ndim <= 1], "weight_decay": 0.0},
    ]
    make = {"adamw": torch.optim.AdamW, "adam": torch.optim.Adam}[name]
    optimiser = make(groups, lr=0.01, betas=BETAS, eps=Y19_EPS, fused=True)
    cycle = torch.optim.lr_scheduler.OneCycleLR(optimiser, max_lr=0.01, total_steps=STEPS + 1)
    if shape == "constant":
        for group in optimiser.param_groups:
            group["lr"], group["betas"] = 0.01, BETAS
    batches = torch.randn((STEPS, 32, 8), generator=torch.Generator().manual_seed(1))
    for batch in batches:
        optimiser.zero_grad()
        network(batch).square().mean().backward()
        optimiser.step()
        if shape == "one-cycle":
            cycle.step()


@pytest.mark.parametrize("weight_decay", [0.0, 0.1])
@pytest.mark.parametrize("shape", ["constant", "one-cycle"])
@pytest.mark.parametrize("name", ["adamw", "adam"])
def test_steps_are_torchs_to_the_bit(name: str, shape: str, weight_decay: float) -> None:
    settings = {
        "optimiser.name": name,
        "optimiser.learning_rate": 0.01,
        "optimiser.weight_decay": weight_decay,
        "schedule.learning_rate_shape": shape,
    }
    configuration = Configuration().replace(settings)
    expected, network = _network(), _network()
    _by_torch(expected, name, shape, weight_decay)
    batches = torch.randn((STEPS, 32, 8), generator=torch.Generator().manual_seed(1))
    stack = Stack([network])  # type: ignore[list-item]
    optimisation = Optimisation(stack, configuration, STEPS)
    for step, batch in enumerate(batches):
        if step == STEPS // 2:  # a checkpoint in between changes nothing
            state = optimisation.state(0)
            optimisation = Optimisation(stack, configuration, STEPS)
            optimisation.restore([state], step)
        optimisation.step(network(batch).square().mean())
    for name_of_tensor, value in network.state_dict().items():
        assert torch.equal(value, expected.state_dict()[name_of_tensor]), name_of_tensor


def test_a_parameter_without_a_gradient_stays_as_it_is() -> None:
    network = _network()
    first, last = network[0], network[3]
    assert isinstance(first, nn.Linear)
    before = first.weight.detach().clone()
    stack = Stack([network])  # type: ignore[list-item]
    optimisation = Optimisation(stack, Configuration().replace({"optimiser.weight_decay": 0.1}), 3)
    optimisation.step(last(torch.ones(4, 16)).sum())
    assert torch.equal(first.weight, before)
    assert float(optimisation.state(0)["0/step"]) == 0
    assert float(optimisation.state(0)["1/step"]) == 1


def test_training_does_not_import_torchs_compiler() -> None:
    program = """
import sys
from pathlib import Path
import tempfile
from trainables.configuration import Configuration
from trainables.data import load_images
from trainables.configuration import Trial
from trainables.run import run
from trainables.storage import RunFolder
from trainables.training import Inputs
tiny = Configuration().replace({"schedule.epochs": 1, "network.final_norm": "batch"})
trial, inputs = Trial("s", "a", tiny, (0,)), Inputs(load_images("digits", Path(), None))
with tempfile.TemporaryDirectory() as folder:
    *_, last = run(trial, inputs, RunFolder(folder))
assert last.records[0].status == "complete"
print([name for name in ("torch._dynamo", "sympy", "matplotlib", "mlflow", "ray") if name in sys.modules])
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
