"""A stack of seeds is the seeds one after another, up to rounding, for everything that a light network can be."""

import sys
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from scipy import stats

from trainables.configuration import Configuration
from trainables.data import Images, draw_split
from trainables.networks import build_network
from trainables.training import Inputs, State, fit
from trainables.training.fit import most_at_once

CPU = torch.device("cpu")
SEEDS = (0, 1, 2)
FIFTY_STEPS = {"schedule.steps_per_epoch": 25, "schedule.epochs": 2}
HEAD = {"network.name": "resnet18", "network.trainable": "head", "network.weights": "sha256:0123456789abcdef"}
KINDS: Mapping[str, dict[str, Any]] = {
    "plain": {"network.final_norm": "none"},
    "final norm": {},
    "both norms, momentum": {"network.first_norm": "batch", "network.norm_momentum": 0.05},
    "weighted norms": {
        "network.first_norm": "standard", "network.final_norm": "weighted", "loss.class_weights": "inverse",
    },
    "dropout": {"network.dropout": 0.3},
    "augmented and mixed": {"augmentation.transform": "digits", "augmentation.mixup_alpha": 0.4},
    "losses": {"loss.name": "bce", "loss.class_weights": "effective", "loss.beta": 0.99, "loss.label_smoothing": 0.1},
    "focal and adjusted": {"loss.focal_gamma": 2.0, "loss.logit_adjustment": 1.0},
    "sigmoid": {"loss.name": "bce", "network.output": "sigmoid"},
    "balanced, one-cycle, decay": {
        "schedule.sampling": "balanced", "schedule.learning_rate_shape": "one-cycle", "optimiser.weight_decay": 0.1,
    },
    "xavier, adam": {"network.initialisation": "xavier", "optimiser.name": "adam"},
    "keras": {
        "network.norm_momentum": 0.01, "network.norm_eps": 1e-3, "network.initialisation": "glorot",
        "optimiser.name": "adam", "optimiser.eps": 1e-7, "schedule.last_batch": "kept",
        "schedule.steps_per_epoch": None,
    },
    "frozen shift and scale": {"network.final_shift": "log-prior", "network.final_scale": "one"},
    "recomputed statistics": {"network.final_statistics": "recomputed"},
    "head": HEAD,
    "plain head": {**HEAD, "network.final_norm": "none"},
}  # fmt: skip


def _inputs(configuration: Configuration, digits: Images) -> Inputs:
    if configuration.network.name != "resnet18":
        return Inputs(digits)
    features = np.random.default_rng(0).normal(size=(len(digits.labels), 24)) + digits.labels[:, None]
    return Inputs(digits, features=features.astype(torch.zeros(0).numpy().dtype))


@pytest.mark.usefixtures("float64")
@pytest.mark.parametrize("kind", KINDS)
def test_fifty_steps_in_a_stack_are_those_alone(kind: str, tiny: Configuration, digits: Images) -> None:
    configuration = tiny.replace({**FIFTY_STEPS, **KINDS[kind]})
    inputs = _inputs(configuration, digits)
    *_, together = fit(configuration, inputs, SEEDS)
    assert together.stack_size(1) == 3
    for seed in SEEDS:
        *_, alone = fit(configuration, inputs, [seed])
        assert alone.stack_size(seed) == 1
        weights, expected = together.weights(seed), alone.weights(seed)
        assert weights.keys() == expected.keys()
        for name in expected:
            torch.testing.assert_close(weights[name], expected[name], rtol=1e-6, atol=1e-8, msg=name)
        for split in ("test", "validation"):
            scores, positions = together.predictions(seed)[split].scores, together.predictions(seed)[split].positions
            assert torch.equal(positions, alone.predictions(seed)[split].positions)
            torch.testing.assert_close(scores, alone.predictions(seed)[split].scores, rtol=1e-6, atol=1e-8)
        assert together.batch_composition(seed) == alone.batch_composition(seed)
        assert together.metrics[seed].keys() == alone.metrics[seed].keys()


@pytest.mark.usefixtures("float64")
def test_the_small_cnn_has_a_stacked_form_too(
    tiny: Configuration, digits: Images, monkeypatch: pytest.MonkeyPatch
) -> None:
    cnn = tiny.replace({**FIFTY_STEPS, "network.name": "cnn", "schedule.epochs": 1, "network.dropout": 0.2})
    *_, alone = fit(cnn, Inputs(digits), [1])
    assert most_at_once(cnn, Inputs(digits), CPU) == 1  # its convolutions are slower so on a CPU
    assert most_at_once(cnn, Inputs(digits), torch.device("cuda")) > 1000
    monkeypatch.setattr(sys.modules[fit.__module__], "most_at_once", lambda *_: 3)
    *_, together = fit(cnn, Inputs(digits), SEEDS)
    assert together.stack_size(1) == 3
    for name, expected in alone.weights(1).items():
        torch.testing.assert_close(together.weights(1)[name], expected, rtol=1e-6, atol=1e-8, msg=name)


@pytest.mark.usefixtures("float64")
def test_a_member_goes_on_from_a_checkpoint_in_another_stack(tiny: Configuration, digits: Images) -> None:
    first, *_, whole = fit(tiny, Inputs(digits), SEEDS)
    epochs = fit(tiny, Inputs(digits), SEEDS)
    stored = next(epochs).state()
    *_, again = fit(tiny, Inputs(digits), SEEDS, state=stored)
    alone: State = {name: value for name, value in stored.items() if name == "epoch" or name.startswith("1/")}
    *_, other = fit(tiny, Inputs(digits), [1], state=alone)
    for name, expected in whole.weights(1).items():
        assert torch.equal(again.weights(1)[name], expected), name
        torch.testing.assert_close(other.weights(1)[name], expected, rtol=1e-6, atol=1e-8, msg=name)
    assert first.number == 1


def test_a_member_whose_loss_is_not_finite_fails_alone(tiny: Configuration, digits: Images) -> None:
    epochs = fit(tiny, Inputs(digits), SEEDS)
    stored = next(epochs).state()
    stored["1/network/dense.weight"].fill_(torch.nan)
    *_, last = fit(tiny, Inputs(digits), SEEDS, state=stored)
    assert "seed 1: training loss is nan" in last.failures[1]
    assert sorted(last.metrics) == [0, 2]
    *_, expected = epochs
    for seed in (0, 2):
        assert last.metrics[seed] == expected.metrics[seed]
    *_, continued = fit(tiny, Inputs(digits), SEEDS, state=last.state() | {"epoch": torch.tensor(2)})
    assert continued.failures == last.failures


@pytest.mark.usefixtures("float64")
def test_seeds_whose_splits_differ_in_size_are_measured_each_on_its_own(tiny: Configuration, digits: Images) -> None:
    images = replace(digits, groups=np.random.default_rng(1).integers(0, 60, size=len(digits.labels)))
    shares = {f"data.{part}_{role}": 0.2 for part in ("validation", "test") for role in ("majority", "minority")}
    whole = {"data.train_majority": "all", "data.train_minority": "all", "data.split": "grouped", **shares}
    grouped = tiny.replace({**whole, "schedule.steps_per_epoch": 5})
    *_, together = fit(grouped, Inputs(images), SEEDS)
    sizes = {len(together.predictions(seed)["test"].labels) for seed in SEEDS}
    assert len(sizes) > 1
    assert together.stack_size(0) == 3
    for seed in SEEDS:
        *_, alone = fit(grouped, Inputs(images), [seed])
        for split, expected in alone.predictions(seed).items():
            torch.testing.assert_close(together.predictions(seed)[split].scores, expected.scores, rtol=1e-6, atol=1e-8)
            assert torch.equal(together.predictions(seed)[split].labels, expected.labels)


@pytest.mark.parametrize(("shift", "expected"), [("zero", [0.0, 0.0]), ("log-prior", [128 / 138, 10 / 138])])
def test_a_frozen_shift_and_scale_stay_where_they_were_put(
    shift: str, expected: list[float], tiny: Configuration, digits: Images
) -> None:
    frozen = tiny.replace({"network.final_shift": shift, "network.final_scale": "one"})
    *_, last = fit(frozen, Inputs(digits), [0, 1])
    values = np.log(expected) if shift == "log-prior" else expected
    np.testing.assert_allclose(last.weights(1)["final_norm.bias"], values, rtol=1e-6)
    assert last.weights(1)["final_norm.weight"].tolist() == [1, 1]
    assert not torch.equal(last.weights(1)["dense.weight"], last.weights(0)["dense.weight"])


def test_recomputed_statistics_are_those_of_the_training_images(tiny: Configuration, digits: Images) -> None:
    recomputed = tiny.replace({"network.final_statistics": "recomputed"})
    *_, last = fit(recomputed, Inputs(digits), [0])
    weights = last.weights(0)
    network = build_network(recomputed.network, digits.shape, 2)
    network.load_state_dict(weights)
    split = draw_split(recomputed.data, digits, 0)
    images = torch.from_numpy(np.asarray(digits.pixels)[split.train]).float() / 255
    scores = network.eval().scores(images).detach()
    torch.testing.assert_close(weights["final_norm.running_mean"], scores.mean(dim=0), rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(weights["final_norm.running_var"], scores.var(dim=0), rtol=1e-4, atol=1e-5)
    *_, running = fit(tiny, Inputs(digits), [0])
    assert torch.equal(running.weights(0)["dense.weight"], weights["dense.weight"])  # training does not see them


def test_f1_is_distributed_as_it_is_one_after_another(digits: Images) -> None:
    final = Configuration().replace({"network.final_norm": "batch", "schedule.epochs": 20})
    *_, together = fit(final, Inputs(digits), range(20))
    alone = []
    for seed in range(20):
        *_, last = fit(final, Inputs(digits), [seed])
        alone.append(last.metrics[seed]["test/f1/minority"])
    stacked = [together.metrics[seed]["test/f1/minority"] for seed in range(20)]
    assert stats.ttest_ind(stacked, alone, equal_var=False).pvalue > 0.2
    assert np.mean(stacked) > 0.7
