from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torchvision import models

from trainables.common import ConfigurationError, DataError
from trainables.configuration import Configuration, Network, trains_on_features
from trainables.data.images import Images
from trainables.networks import backbones, classifier, features
from trainables.training.fit import fit
from trainables.training.inputs import Inputs

RESNET = Network(name="resnet18", weights="sha256:0123456789abcdef", trainable="head", cut="layer2")


@pytest.fixture(scope="module")
def state() -> dict[str, np.ndarray]:
    """A whole resnet18's state dict with statistics of its own."""
    torch.manual_seed(0)
    model = models.resnet18()
    model.train()(torch.randn(8, 3, 64, 64))
    return {name: value.numpy() for name, value in model.state_dict().items()}


@pytest.fixture(scope="module")
def leaves() -> Images:
    rng = np.random.default_rng(0)
    labels = np.repeat([0, 1], 60)
    pixels = rng.integers(0, 200, (120, 3, 32, 32), dtype=np.uint8) + (55 * labels[:, None, None, None]).astype(
        np.uint8
    )
    return Images(pixels, labels, ("a", "b"), tuple(map(str, range(120))))


@pytest.fixture
def frozen() -> Configuration:
    return Configuration().replace(
        {"network.name": RESNET.name, "network.cut": RESNET.cut, "network.weights": RESNET.weights,
         "network.trainable": "head", "network.final_norm": "batch", "data.minority": "b", "data.majority": "a",
         "data.train_majority": 30, "data.train_minority": 10, "data.validation_majority": 5,
         "data.validation_minority": 5, "data.test_majority": 20, "data.test_minority": 20,
         "schedule.epochs": 2, "schedule.batch_size": 16, "schedule.learning_rate_shape": "one-cycle"}
    )  # fmt: skip


def test_a_cut_backbone_is_torchvisions_up_to_there(state: dict[str, np.ndarray]) -> None:
    backbone, units = backbones.build_backbone(RESNET, state)
    whole = models.resnet18()
    whole.load_state_dict({name: torch.from_numpy(value) for name, value in state.items()})
    images = torch.rand(2, 3, 64, 64)
    x = (images - backbone.mean) / backbone.std
    whole.eval()
    expected = whole.layer2(whole.layer1(whole.maxpool(whole.relu(whole.bn1(whole.conv1(x))))))
    assert units == 128
    torch.testing.assert_close(backbone.eval()(images), expected.mean(dim=(2, 3)))


@pytest.mark.parametrize("name", ["resnet34", "vgg19", "mobilenet_v3_small"])
def test_torchvision_classifiers_by_name(name: str) -> None:
    network = classifier.build_network(Network(name=name), (1, 32, 32), num_classes=2)
    assert network.eval()(torch.rand(2, 1, 32, 32)).shape == (2, 2)


@pytest.mark.parametrize(
    ("name", "cut", "message"),
    [
        ("resnet999", "", "unknown network 'resnet999'; allowed: dense, cnn and torchvision's alexnet"),
        ("resnet18", "layer9", "resnet18 has no layer 'layer9'; allowed: conv1, bn1, relu, maxpool, layer1"),
        ("vit_b_16", "", "'vit_b_16' is not a chain of layers with image maps"),
        ("googlenet", "", "'googlenet' is not a chain of layers"),
    ],
)
@pytest.mark.filterwarnings("ignore:The default weight initialization")
def test_what_cannot_be_a_backbone_says_why(name: str, cut: str, message: str) -> None:
    with pytest.raises(ConfigurationError, match=message):
        backbones.check_backbone(name, cut)


def test_weights_of_another_network_say_which_keys(state: dict[str, np.ndarray]) -> None:
    with pytest.raises(ConfigurationError, match=r"weights do not fit resnet34: missing layer1\.2\.conv1\.weight"):
        backbones.build_backbone(Network(name="resnet34", weights=RESNET.weights), state)
    with pytest.raises(ConfigurationError, match="weights do not fit resnet18 cut at layer2: unknown extra"):
        backbones.build_backbone(RESNET, {**state, "extra": np.zeros(1, np.float32)})
    with pytest.raises(ConfigurationError, match=r"of another shape conv1\.weight"):
        backbones.build_backbone(RESNET, {**state, "conv1.weight": np.zeros((1, 3, 7, 7), np.float32)})


def test_weight_files(tmp_path: Path, state: dict[str, np.ndarray]) -> None:
    tensors = {name: torch.from_numpy(np.array(value)) for name, value in state.items()}
    torch.save(tensors, tmp_path / "w.pt")
    save_file(tensors, tmp_path / "w.safetensors")
    for name in ("w.pt", "w.safetensors"):
        identity, read = backbones.read_weights(tmp_path / name)
        assert identity.startswith("sha256:")
        assert read.keys() == state.keys()
    (tmp_path / "bad.pt").write_bytes(b"not weights")
    for name in ("bad.pt", "missing.pt"):
        with pytest.raises(DataError, match=f"{name}: not a readable state dict"):
            backbones.read_weights(tmp_path / name)


@pytest.mark.parametrize(("trainable", "moves"), [("head", set()), ("batchnorm", {"bn"}), ("all", {"bn", "conv"})])
def test_what_trains(
    trainable: str, moves: set[str], state: dict[str, np.ndarray], frozen: Configuration, leaves: Images
) -> None:
    configuration = frozen.replace({"network.trainable": trainable})
    *_, last = fit(configuration, Inputs(leaves, backbone=state), [0])
    after = last.weights(0)
    prefix = "backbone.maps."
    if trainable == "head":
        assert not any(name.startswith("backbone") for name in after)
        return
    for name, kind in (("bn1.weight", "bn"), ("bn1.running_mean", "bn"), ("conv1.weight", "conv")):
        changed = not np.array_equal(after[prefix + name].numpy(), state[name])
        assert changed is (kind in moves), name


def test_features_train_the_same_head_as_images(
    state: dict[str, np.ndarray], frozen: Configuration, leaves: Images
) -> None:
    computed = features.compute_features(frozen.network, state, leaves.pixels)
    *_, on_images = fit(frozen, Inputs(leaves, backbone=state), [0])
    *_, on_features = fit(frozen, Inputs(leaves, features=computed), [0])
    a, b = on_images.weights(0), on_features.weights(0)
    assert a.keys() == b.keys()
    for name in a:  # the same numbers in batches of another size: float32 rounding, amplified by training
        torch.testing.assert_close(a[name], b[name], rtol=1e-3, atol=1e-4)
    assert on_images.metrics[0]["test/accuracy/all"] == on_features.metrics[0]["test/accuracy/all"]


def test_a_frozen_backbone_sees_held_out_images_once(
    state: dict[str, np.ndarray], frozen: Configuration, leaves: Images, monkeypatch: pytest.MonkeyPatch
) -> None:
    augmented = frozen.replace({"augmentation.transform": "leaves"})
    seen: list[int] = []
    forward = backbones.Backbone.forward

    def counting(self: backbones.Backbone, images: torch.Tensor) -> torch.Tensor:
        seen.append(len(images))
        return forward(self, images)

    monkeypatch.setattr(backbones.Backbone, "forward", counting)
    *_, last = fit(augmented, Inputs(leaves, backbone=state), [0])
    assert sum(seen) == 2 * 32 + 10 + 40  # two epochs of two steps of 16; validation and test once
    *_, continued = fit(augmented, Inputs(leaves, backbone=state), [0],
                        state=next(fit(augmented, Inputs(leaves, backbone=state), [0])).state())  # fmt: skip
    assert continued.metrics == last.metrics  # evaluated anew in a training that goes on


@pytest.mark.parametrize(
    "change",
    [{"augmentation.transform": "leaves"}, {"augmentation.mixup_alpha": 0.4}, {"network.trainable": "batchnorm"}],
    ids=lambda change: next(iter(change)),
)
def test_features_are_refused_where_they_would_be_wrong(
    change: dict[str, object], frozen: Configuration, leaves: Images
) -> None:
    assert trains_on_features(frozen)
    assert not trains_on_features(frozen.replace(change))
    with pytest.raises(ValueError, match="unchanged images only"):
        next(fit(frozen.replace(change), Inputs(leaves, features=np.zeros((120, 128), np.float32)), [0]))


def test_the_cache_key_is_content() -> None:
    keys = {features.features_name("f", RESNET, weights) for weights in ("a", "b")}
    keys |= {
        features.features_name("g", RESNET, "a"),
        features.features_name("f", RESNET.model_copy(update={"cut": ""}), "a"),
    }
    assert len(keys) == 4
    other_head = RESNET.model_copy(update={"final_norm": "batch"})
    assert features.features_name("f", other_head, "a") == features.features_name("f", RESNET, "a")


def test_one_cycle_continues_bit_for_bit(state: dict[str, np.ndarray], frozen: Configuration, leaves: Images) -> None:
    inputs = Inputs(leaves, features=features.compute_features(frozen.network, state, leaves.pixels))
    longer = frozen.replace({"schedule.epochs": 4})
    *_, whole = fit(longer, inputs, [0])
    epochs = fit(longer, inputs, [0])
    next(epochs)
    *_, continued = fit(longer, inputs, [0], state=next(epochs).state())
    assert whole.metrics == continued.metrics


def test_steps_can_be_held(frozen: Configuration, leaves: Images) -> None:
    held = frozen.replace({"schedule.steps_per_epoch": 7})
    *_, last = fit(held, Inputs(leaves, features=np.zeros((120, 128), np.float32)), [0])
    assert sum(last.batch_composition(0).values()) == 2 * 7  # 7 steps of 16 from 40 images: almost three passes
