"""Networks with an image backbone as files: trained whole, in their norms only, or frozen with given weights."""

import hashlib
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from torchvision import models

from export.runs.variants import export_run
from trainables.configuration import Configuration, Trial
from trainables.data.images import Images
from trainables.networks import backbones
from trainables.run import run
from trainables.storage.run_folder import RunFolder
from trainables.training.inputs import Inputs

pytestmark = pytest.mark.timeout(240)  # of a VGG onnxruntime optimises nine million weights, at every level
WEIGHTS = "sha256:0123456789abcdef"
NETWORKS: dict[str, dict[str, object]] = {
    "resnet, all of it trains": {"network.name": "resnet18", "network.cut": "layer1"},
    "vgg": {"network.name": "vgg11"},
    "its norms train": {"network.name": "resnet18", "network.cut": "layer2", "network.weights": WEIGHTS,
                        "network.trainable": "batchnorm"},
    "frozen": {"network.name": "resnet18", "network.cut": "layer2", "network.weights": WEIGHTS,
               "network.trainable": "head"},
}  # fmt: skip


@pytest.mark.parametrize("changes", NETWORKS.values(), ids=NETWORKS.keys())
def test_a_backbone_is_exported_as_it_was_trained(changes: dict[str, object], tmp_path: Path) -> None:
    rng, labels = np.random.default_rng(0), np.repeat([0, 1], 40)
    pixels = rng.integers(0, 200, (80, 3, 32, 32), dtype=np.uint8) + (55 * labels[:, None, None, None]).astype(np.uint8)
    images = Images(pixels, labels, ("a", "b"), tuple(map(str, range(80))))
    data = {"data.minority": "b", "data.majority": "a", "data.train_majority": 20, "data.train_minority": 10,
            "data.validation_majority": 5, "data.validation_minority": 5, "data.test_majority": 10,
            "data.test_minority": 10, "schedule.epochs": 1, "schedule.batch_size": 8}  # fmt: skip
    configuration = Configuration().replace({**data, **changes, "network.final_norm": "batch"})
    folder, state = RunFolder(str(tmp_path / "runs")), None
    if "network.weights" in changes:
        model = models.resnet18()
        model.train()(torch.randn(8, 3, 64, 64))
        state = {name: value.numpy() for name, value in model.state_dict().items()}
        folder.write_shared(backbones.shared_weights_name("resnet18", WEIGHTS), state)
    *_, last = run(Trial("study", "arm", configuration, (0,)), Inputs(images, backbone=state), folder)
    (record,) = last.records
    assert record.status == "complete", record.reason
    done = export_run(record, folder, images, tmp_path / "onnx", thorough=3)
    measured = done.verifications
    assert measured["fold"].changed == measured["keep"].changed == ()
    assert measured["fold"].nodes == measured["keep"].nodes - 1
    assert measured["keep"].metrics["f1/minority"] == pytest.approx(record.metric("test/f1/minority"), abs=1e-6)
    metadata = {entry.key: entry.value for entry in onnx.load(done.files["fold"]).metadata_props}
    if state is None:
        assert "backbone" not in metadata
        return
    content = (tmp_path / "runs" / f"{backbones.shared_weights_name('resnet18', WEIGHTS)}.safetensors").read_bytes()
    assert metadata["backbone"] == f"resnet18, {WEIGHTS}"
    assert metadata["backbone_sha256"] == hashlib.sha256(content).hexdigest()
