"""A network, a head and a loss of somebody's own, trained and exported like the others."""

import sys
from pathlib import Path

import numpy as np
import pytest

from export.edge import Classifier
from export.runs.variants import export_run
from trainables import own_code
from trainables.common import ConfigurationError
from trainables.configuration import Configuration, Trial
from trainables.data.images import Images
from trainables.run import run
from trainables.storage import Record
from trainables.storage.run_folder import RunFolder
from trainables.training.inputs import Inputs

SOURCE = """
import torch
from torch import nn

def network(shape):
    return nn.Sequential(nn.Conv2d(shape[0], 4, 3, padding=1), nn.ReLU(), nn.AdaptiveAvgPool2d(2), nn.Flatten())

class Head(nn.Module):
    def __init__(self, features, classes):
        super().__init__()
        self.weight = nn.Parameter(torch.randn(classes, features))
    def forward(self, features):
        return 10 * nn.functional.linear(features, nn.functional.normalize(self.weight))

def balanced(scores, targets, counts):
    return -(targets * torch.log_softmax(scores + counts.log(), dim=1)).sum(dim=1).mean()

def plain(scores, targets, counts):
    return -(targets * torch.log_softmax(scores, dim=1)).sum(dim=1).mean()
"""


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "own_parts.py").write_text(SOURCE)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "own_parts", raising=False)
    return tmp_path


def _records(place: Path, digits: Images, changes: dict[str, str]) -> list[Record]:
    own = {field: own_code.name_own(f"own_parts:{value}") for field, value in changes.items() if "." in field}
    rest = {"final_norm": changes.get("final_norm", "none"), "schedule.epochs": 2}
    trial = Trial("digits", "own", Configuration().replace(own | rest), (0, 1))
    *_, last = run(trial, Inputs(digits), RunFolder(str(place / "runs")))
    return last.records


@pytest.mark.parametrize(
    ("changes", "variants"),
    [
        ({"network.name": "network", "final_norm": "batch"}, {"keep", "fold", "remove"}),
        ({"network.head": "Head"}, {"none"}),
        ({"network.head": "Head", "final_norm": "batch"}, {"keep"}),
        ({"loss.function": "balanced"}, {"none"}),
    ],
    ids=["network", "head", "head and final BN", "loss"],
)
def test_it_is_trained_and_exported(place: Path, digits: Images, changes: dict[str, str], variants: set[str]) -> None:
    records = _records(place, digits, changes)
    assert [(record.status, record.reason) for record in records] == [("complete", "")] * 2
    exported = export_run(records[0], RunFolder(str(place / "runs")), digits, place / "onnx", reduced=False)
    assert {name for name in exported.files if not name.endswith("-recalibrated")} == variants
    assert all(measured.matches for measured in exported.verifications.values())
    classify = Classifier(next(iter(exported.files.values())))
    assert classify(np.zeros((2, 8, 8, 1), np.uint8)).shape == (2, 2)


def test_a_loss_of_one_s_own_that_is_cross_entropy_trains_as_cross_entropy_does(place: Path, digits: Images) -> None:
    own, _ = _records(place, digits, {"loss.function": "plain"})
    ours, _ = _records(place, digits, {})
    assert own.key != ours.key
    assert own.history["train/loss/all"] == pytest.approx(ours.history["train/loss/all"], rel=1e-5)
    assert own.history["test/f1/minority"] == pytest.approx(ours.history["test/f1/minority"], abs=1e-6)


def test_export_needs_the_source_of_the_training(place: Path, digits: Images) -> None:
    record, _ = _records(place, digits, {"network.name": "network"})
    (place / "own_parts.py").write_text(SOURCE.replace("4, 3", "8, 3"))
    with pytest.raises(ConfigurationError, match="own_parts:network: its source is"):
        export_run(record, RunFolder(str(place / "runs")), digits, place / "onnx", reduced=False)
