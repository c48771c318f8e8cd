import sys
from pathlib import Path

import pytest
import torch

from trainables import own_code
from trainables.common import ConfigurationError
from trainables.configuration import Configuration, Network
from trainables.networks import build_network, check_own_network
from trainables.training.losses import check_own_loss

SOURCE = """
import torch
from torch import nn

class Module(nn.Module):
    def __init__(self, function):
        super().__init__()
        self.function = function
    def forward(self, x):
        return self.function(x)

def good(shape): return nn.Sequential(nn.Flatten(), nn.Linear(shape[0] * shape[1] * shape[2], 5))
def fails(shape): raise RuntimeError("cannot")
def no_module(shape): return 3
def fails_on_images(shape): return nn.Linear(7, 2)
def maps(shape): return Module(lambda x: x)
def text(shape): return Module(lambda x: "features")
def infinite(shape): return Module(lambda x: x.flatten(1) / 0)
def whole_numbers(shape): return Module(lambda x: x.flatten(1).long())
def of_the_batch(shape): return Module(lambda x: x.flatten(1) - x.flatten(1).mean(0))
def unseeded(shape):
    generator = torch.Generator()
    generator.seed()
    linear = nn.Linear(64, 2)
    linear.weight.data = torch.rand(2, 64, generator=generator)
    return nn.Sequential(nn.Flatten(), linear)

def head(features, classes): return nn.Linear(features, classes, bias=False)
def too_many(features, classes): return nn.Linear(features, classes + 1)

def loss(scores, targets, counts): return -(targets * scores.log_softmax(1)).sum()
def loss_of_each(scores, targets, counts): return scores.sum(1)
def constant(scores, targets, counts): return torch.tensor(1.0)
def nan(scores, targets, counts): return (scores / 0).sum() * 0
def failing_loss(scores, targets, counts): return scores @ targets
"""
SHAPE = (1, 8, 8)


@pytest.fixture(autouse=True)
def _module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "own_networks.py").write_text(SOURCE)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "own_networks", raising=False)


def _network(**fields: str) -> Network:
    changes = {f"network.{name}": own_code.name_own(f"own_networks:{value}") for name, value in fields.items()}
    return Configuration().replace(changes).network


def test_own_network_and_head_stand_before_the_final_norm() -> None:
    settings = _network(name="good", head="head").model_copy(update={"final_norm": "batch"})
    check_own_network(settings, SHAPE, 2)
    network = build_network(settings, SHAPE, 2).eval()
    images = torch.rand(4, *SHAPE)
    assert network.dense.bias is None
    torch.testing.assert_close(network(images), network.final_norm(network.dense(network.body(images))))
    assert "final_norm.weight" in network.state_dict()


@pytest.mark.parametrize(
    ("function", "message"),
    [
        ("fails", r"own_networks:fails\(\(1, 8, 8\),\) raised RuntimeError: cannot"),
        ("no_module", "returned a int; a torch.nn.Module is needed"),
        ("fails_on_images", r"inputs \(3, 1, 8, 8\) raised RuntimeError"),
        ("maps", r"gives float32 \(3, 1, 8, 8\) for 3 inputs; float \(batch, units\) is needed"),
        ("text", "gives a str"),
        ("infinite", "values that are not finite"),
        ("whole_numbers", r"gives int64 \(3, 64\)"),
        ("of_the_batch", "depends on the images beside it"),
        ("unseeded", "the same torch seed gives other weights"),
    ],
)
def test_a_network_that_breaks_its_promise_is_one_line(function: str, message: str) -> None:
    with pytest.raises(ConfigurationError, match=message) as caught:
        check_own_network(_network(name=function), SHAPE, 2)
    assert "\n" not in str(caught.value)


def test_a_head_has_a_score_for_each_class() -> None:
    with pytest.raises(ConfigurationError, match="own_networks:too_many: 3 scores for 2 classes"):
        check_own_network(_network(head="too_many"), SHAPE, 2)


@pytest.mark.parametrize(
    ("function", "message"),
    [
        ("loss_of_each", r"gives shape \(4,\); the loss of a batch is a scalar tensor"),
        ("constant", "gives 1, which has no gradient"),
        ("nan", "gives nan, not finite"),
        ("failing_loss", "raised RuntimeError"),
    ],
)
def test_a_loss_that_breaks_its_promise_is_one_line(function: str, message: str) -> None:
    check_own_loss(own_code.name_own("own_networks:loss"), 2)
    with pytest.raises(ConfigurationError, match=message) as caught:
        check_own_loss(own_code.name_own(f"own_networks:{function}"), 2)
    assert "\n" not in str(caught.value)
