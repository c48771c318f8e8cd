"""The steps are those of torch's optimiser classes to the bit, and a training process does without torch's compiler."""

import copy
import subprocess
import sys

import pytest
import torch
from torch import nn

from trainables.configuration import Configuration
from trainables.networks import Classifier, Stack
from trainables.training.optimisation import BETA1, Optimisation

STEPS = 30


def _network() -> Classifier:
    torch.manual_seed(0)
    body = nn.Sequential(nn.Linear(8, 16), nn.BatchNorm1d(16), nn.ReLU())
    return Classifier(nn.Identity(), body, 16, 2, nn.Identity())


def _by_torch(network: nn.Module, name: str, shape: str, weight_decay: float) -> None:
    parameters = list(network.parameters())
    groups = [
        {"params": [p for p in parameters if p.ndim > 1], "weight_decay": weight_decay},
        {"params": [p for p in parameters if p.ndim <= 1], "weight_decay": 0.0},
    ]
    make = {"adamw": torch.optim.AdamW, "adam": torch.optim.Adam}[name]
    optimiser = make(groups, lr=0.01, betas=(BETA1, 0.999), eps=1e-8, fused=True)
    cycle = torch.optim.lr_scheduler.OneCycleLR(optimiser, max_lr=0.01, total_steps=STEPS + 1)
    if shape == "constant":
        for group in optimiser.param_groups:
            group["lr"], group["betas"] = 0.01, (BETA1, 0.999)
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
    stack = Stack([network])
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
    first, last = network.get_submodule("body.0"), network.dense
    assert isinstance(first, nn.Linear)
    before = first.weight.detach().clone()
    stack = Stack([network])
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


def test_a_backbone_moves_at_its_own_rate_and_everything_decays_where_asked() -> None:
    torch.manual_seed(0)
    network = Classifier(nn.Linear(8, 8), nn.BatchNorm1d(8), 8, 2, nn.Identity())
    settings = {"optimiser.backbone_rate": 0.1, "optimiser.decays": "all", "optimiser.weight_decay": 0.5}
    chosen = {"optimiser.learning_rate": 0.01, "optimiser.beta2": 0.99, "optimiser.eps": 1e-7}
    expected = copy.deepcopy(network)
    groups = [
        {"params": list(expected.backbone.parameters()), "lr": 0.001},
        {"params": [*expected.body.parameters(), *expected.dense.parameters()], "lr": 0.01},
    ]
    optimiser = torch.optim.AdamW(groups, betas=(BETA1, 0.99), eps=1e-7, weight_decay=0.5, fused=True)
    optimisation = Optimisation(Stack([network]), Configuration().replace(settings | chosen), STEPS)
    batches = torch.randn((STEPS, 32, 8), generator=torch.Generator().manual_seed(1))
    for batch in batches:
        optimiser.zero_grad()
        expected(batch).square().mean().backward()
        optimiser.step()
        optimisation.step(network(batch).square().mean())
    for name, value in network.state_dict().items():
        torch.testing.assert_close(value, expected.state_dict()[name], rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize(
    ("size", "recorded", "is_keras"),
    [(1.0, [0.9979017, -2.0000658, 0.4983462], True), (1e-6, [0.9998102, -2.0000925, 0.4993374], False)],
    ids=["gradients of 1", "gradients of 1e-6"],
)
def test_adam_with_keras_values_steps_as_keras_adam(size: float, recorded: list[float], is_keras: bool) -> None:
    """Recorded from keras.optimizers.Adam() of Keras 3.15, rate 0.001 and eps 1e-7, after three gradients.

    Keras adds eps to the root of the moment before its bias is corrected, torch after: in the first steps Keras' counts
    up to 32 times as much, which is seen where gradients are as small as eps.
    """
    network = Classifier(nn.Identity(), nn.Identity(), 3, 1, nn.Identity())
    assert isinstance(network.dense, nn.Linear)
    weight = network.dense.weight
    with torch.no_grad():
        weight.copy_(torch.tensor([[1.0, -2.0, 0.5]]))
    profile = {"optimiser.name": "adam", "optimiser.eps": 1e-7}
    optimisation = Optimisation(Stack([network]), Configuration().replace(profile), 3)
    for gradient in ([0.3, -0.1, 2.0], [0.1, 0.4, -1.0], [-0.2, 0.05, 0.7]):
        optimisation.step((weight * torch.tensor(gradient) * size).sum())
    difference = float((weight.detach()[0] - torch.tensor(recorded)).abs().max())
    assert (difference < 1e-6) == is_keras
