import sys

import pytest
import torch

from trainables.common import DataError
from trainables.configuration import Configuration, Data
from trainables.data import split
from trainables.data.images import Images
from trainables.data.split import Split
from trainables.training.fit import Epoch, fit
from trainables.training.inputs import Inputs


def _last(configuration: Configuration, images: Images, seeds: list[int]) -> Epoch:
    *_, last = fit(configuration, Inputs(images), seeds)
    return last


def _same(a: dict[str, torch.Tensor], b: dict[str, torch.Tensor]) -> bool:
    return a.keys() == b.keys() and all(torch.equal(a[name], b[name]) for name in a)


def test_the_same_call_gives_the_same_bits_twice(tiny: Configuration, digits: Images) -> None:
    busy = tiny.replace({"augmentation.transform": "digits", "augmentation.mixup_alpha": 0.4, "network.dropout": 0.3})
    once, again = _last(busy, digits, [0, 1, 2]), _last(busy, digits, [0, 1, 2])
    assert _same(once.weights(1), again.weights(1))
    assert once.metrics == again.metrics


@pytest.mark.parametrize("network", ["dense", "cnn"])
def test_a_continued_training_equals_an_uninterrupted_one_bit_for_bit(
    network: str, tiny: Configuration, digits: Images
) -> None:
    tiny = tiny.replace({"network.name": network})
    whole = _last(tiny, digits, [0, 1])
    stored = {  # as a file gives it back: in the default memory layout
        name: value.contiguous() for name, value in next(fit(tiny, Inputs(digits), [0, 1])).state().items()
    }
    *_, continued = fit(tiny, Inputs(digits), [0, 1], state=stored)
    assert continued.number == whole.number == 3
    assert _same(continued.weights(1), whole.weights(1))
    assert continued.metrics == whole.metrics
    assert continued.batch_composition(0) == whole.batch_composition(0)


def test_a_seed_whose_data_do_not_fit_ends_alone_and_keeps_its_reason(
    tiny: Configuration, digits: Images, monkeypatch: pytest.MonkeyPatch
) -> None:
    def draw_all_but_seed_1(data: Data, images: Images, seed: int) -> Split:
        if seed == 1:
            raise DataError("whole groups give too few")
        return split.draw_split(data, images, seed)

    monkeypatch.setattr(sys.modules[fit.__module__], "draw_split", draw_all_but_seed_1)
    first = next(fit(tiny, Inputs(digits), [0, 1, 2]))
    assert first.failures == {1: "whole groups give too few"}
    assert sorted(first.metrics) == [0, 2]
    assert _last(tiny, digits, [0, 2]).metrics == _last(tiny, digits, [0, 1, 2]).metrics
    continued = next(fit(tiny, Inputs(digits), [0, 1, 2], state=first.state()))
    assert continued.failures == {1: "whole groups give too few"}
    with pytest.raises(DataError, match="too few"):
        next(fit(tiny, Inputs(digits), [1]))


@pytest.mark.usefixtures("float64")
def test_channels_last_convolutions_change_rounding_only(
    tiny: Configuration, digits: Images, monkeypatch: pytest.MonkeyPatch
) -> None:
    cnn = tiny.replace({"network.name": "cnn", "schedule.epochs": 1})
    ours = _last(cnn, digits, [0]).weights(0)
    monkeypatch.setattr(torch, "channels_last", torch.contiguous_format)
    plain = _last(cnn, digits, [0]).weights(0)
    for name, weights in ours.items():
        torch.testing.assert_close(weights, plain[name], rtol=1e-6, atol=1e-8, msg=name)


def test_arms_share_split_initial_weights_and_batches(tiny: Configuration, digits: Images) -> None:
    with_norm, without = tiny, tiny.replace({"network.final_norm": "none"})
    a, b = next(fit(with_norm, Inputs(digits), [0])), next(fit(without, Inputs(digits), [0]))
    assert torch.equal(a.predictions(0)["test"].positions, b.predictions(0)["test"].positions)
    assert a.batch_composition(0) == b.batch_composition(0)
    still = {"optimiser.learning_rate": 1e-30}  # too small to move a float32: the weights stay as they began
    a, b = (next(fit(arm.replace(still), Inputs(digits), [0])) for arm in (with_norm, without))
    for name, weights in b.weights(0).items():
        assert torch.equal(weights, a.weights(0)[name]), name
    assert not torch.equal(
        a.weights(0)["dense.weight"], next(fit(without, Inputs(digits), [1])).weights(1)["dense.weight"]
    )


def test_training_leaves_torchs_global_generator_alone(tiny: Configuration, digits: Images) -> None:
    before = torch.get_rng_state()
    _last(tiny, digits, [0])
    assert torch.equal(before, torch.get_rng_state())


def test_a_loss_that_is_not_finite_ends_its_seed_with_a_reason(tiny: Configuration, digits: Images) -> None:
    broken = tiny.replace({"optimiser.learning_rate": 1e38, "network.final_norm": "none"})
    epochs = list(fit(broken, Inputs(digits), [0]))
    assert epochs[-1].metrics == {}
    assert "seed 0: training loss is" in epochs[-1].failures[0]


def test_the_final_norm_is_evaluated_kept_and_removed(tiny: Configuration, digits: Images) -> None:
    last = _last(tiny, digits, [0])
    kept, removed = last.predictions(0)["test"].scores, last.predictions(0)["test-removed"].scores
    weights = last.weights(0)
    scale = weights["final_norm.weight"] / (weights["final_norm.running_var"] + 1e-5).sqrt()
    expected = scale * (removed - weights["final_norm.running_mean"]) + weights["final_norm.bias"]
    torch.testing.assert_close(kept, expected)
    assert "test-removed/f1/minority" in last.metrics[0]


def test_it_learns(digits: Images) -> None:
    # 1000/10 on digits, 30 epochs: the final norm finds the rare class where the plain network finds none
    plain = Configuration()
    final = plain.replace({"network.final_norm": "batch"})
    f1 = [_last(arm, digits, [0, 1]).metrics for arm in (plain, final)]
    assert all(f1[0][seed]["test/f1/minority"] < 0.1 for seed in (0, 1))
    assert all(f1[1][seed]["test/f1/minority"] > 0.8 for seed in (0, 1))


def test_balanced_sampling_draws_classes_alike(tiny: Configuration, digits: Images) -> None:
    composition = _last(tiny.replace({"schedule.sampling": "balanced"}), digits, [0]).batch_composition(0)
    images = sum(int(count) * batches for count, batches in composition.items())
    assert 0.4 < images / (32 * sum(composition.values())) < 0.6  # 7 % of the images are of the minority


def test_dropout_and_momentum_reach_the_layers() -> None:
    from torch import nn

    from trainables.networks import classifier

    network = (
        Configuration()
        .replace(
            {
                "network.dropout": 0.3,
                "network.norm_momentum": 0.05,
                "network.final_norm": "batch",
                "network.first_norm": "batch",
            }
        )
        .network
    )
    modules = list(classifier.build_network(network, (1, 8, 8), 2).modules())
    assert [m.p for m in modules if isinstance(m, nn.Dropout)] == [0.3]
    assert [m.momentum for m in modules if isinstance(m, nn.BatchNorm1d)] == [0.05, 0.05]


def test_a_search_never_evaluates_test_images(tiny: Configuration, digits: Images) -> None:
    both = next(fit(tiny, Inputs(digits), [0]))
    one = next(fit(tiny, Inputs(digits), [0], held_out=("validation",)))
    assert not any(name.startswith("test") for name in one.metrics[0])
    assert set(one.predictions(0)) == {"validation", "validation-removed"}
    assert one.metrics[0] == {name: value for name, value in both.metrics[0].items() if not name.startswith("test")}
