"""Networks of other people: the norm goes behind the layer that makes the scores, folds exactly, and comes off."""

from collections.abc import Callable

import pytest
import torch
from torch import nn

from tests.trainables.final_norm.networks import (
    CLASSES,
    NETWORKS,
    ROUNDING,
    Backwards,
    Branching,
    TwoOf,
    chain,
    difference_between,
    sums_of,
    train,
)
from trainables.final_norm import FinalNormError, NormedScores, append, fold, remove


@pytest.mark.parametrize(("make", "shape", "path"), NETWORKS.values(), ids=NETWORKS.keys())
def test_append_fold_and_remove(make: Callable[[], nn.Module], shape: tuple[int, ...], path: str) -> None:
    plain = make()
    names, before = list(plain.state_dict()), sums_of(plain)
    network = append(plain, CLASSES)
    assert [name for name, module in network.named_modules() if isinstance(module, NormedScores)] == [path]
    assert list(plain.state_dict()) == names  # the given network stays as it was
    images = train(network, shape)
    assert sums_of(plain) == before
    trained = sums_of(network)

    folded, removed = fold(network), remove(network)
    assert difference_between(network, folded, images) < ROUNDING
    assert list(removed.state_dict()) == names
    assert set(folded.state_dict()) == {*names, f"{path}.bias"}
    torch.testing.assert_close(removed.get_parameter(f"{path}.weight"), plain.get_parameter(f"{path}.weight"))
    assert sums_of(network) == trained

    assert difference_between(network, removed, images) > 100 * ROUNDING  # what is no fold fails the same check
    for tensor in ("weight", "bias"):
        parameter = folded.get_parameter(f"{path}.{tensor}")
        right = parameter.detach().clone()
        with torch.no_grad():
            parameter.mul_(1.01)
            assert difference_between(network, folded, images) > 10 * ROUNDING
            parameter.copy_(right)


@pytest.mark.parametrize("seed", range(10))
def test_a_fold_is_exact_whatever_the_norm_has_learned(seed: int) -> None:
    torch.manual_seed(seed)
    network = append(chain(bias=seed % 2 == 0), CLASSES, eps=10.0 ** -(seed % 5 + 1), momentum=None)
    images = train(network, (12,))
    normed = network[2]
    assert isinstance(normed, NormedScores)
    with torch.no_grad():
        normed.norm.running_var.mul_(10.0 ** (seed - 5))  # type: ignore[operator]
        normed.norm.weight[seed % CLASSES] = [-1.0, 0.0][seed % 2]  # type: ignore[operator]
    assert difference_between(network, fold(network), images) < ROUNDING
    with torch.no_grad():
        normed.norm.running_mean.add_(0.01)  # type: ignore[operator]
    assert difference_between(network, fold(network), images) < ROUNDING


@pytest.mark.parametrize(
    ("dtype", "rounding"),
    [(torch.float64, 1e-13), (torch.bfloat16, 2**-5), (torch.float16, 2**-8)],  # some units in the last place
    ids=str,
)
def test_types_are_kept(dtype: torch.dtype, rounding: float) -> None:
    network = append(chain().to(dtype), CLASSES)
    assert {tensor.dtype for tensor in network.state_dict().values()} == {dtype, torch.int64}
    images = train(network, (12,), dtype)
    folded = fold(network)
    assert {tensor.dtype for tensor in folded.state_dict().values()} == {dtype}
    assert difference_between(network, folded, images) < rounding
    assert difference_between(network, remove(network), images) > 4 * rounding


def test_mode_and_what_trains_are_kept() -> None:
    plain = chain().eval()
    plain.requires_grad_(False)
    network = append(plain, CLASSES, momentum=0.3, eps=1e-3)
    assert not any(module.training for module in network.modules())
    trains = [name for name, parameter in network.named_parameters() if parameter.requires_grad]
    assert trains == ["2.norm.weight", "2.norm.bias"]
    normed = network[2]
    assert isinstance(normed, NormedScores)
    assert isinstance(normed.norm, nn.BatchNorm1d)
    assert (normed.norm.momentum, normed.norm.eps) == (0.3, 1e-3)
    images = train(network, (12,))
    in_training = fold(network.train())
    assert in_training.training
    assert not any(parameter.requires_grad for parameter in in_training.parameters())
    assert difference_between(network.eval(), in_training.eval(), images) < ROUNDING


def test_a_norm_of_the_networks_own() -> None:
    """As fastai's `bn_final=True` makes them."""
    network = chain(nn.BatchNorm1d(CLASSES, affine=False), nn.Softmax(dim=1))
    images = train(network, (12,))
    assert difference_between(network, fold(network), images) < ROUNDING
    assert isinstance(fold(network)[3], nn.Identity)
    assert difference_between(network, remove(network), images) > 0.01
    branching = Branching(norm=nn.BatchNorm1d(CLASSES))
    with pytest.raises(FinalNormError, match=r'cannot trace the network .*; name both, as in layer="fc", norm='):
        fold(branching)
    assert isinstance(fold(branching, layer="scores", norm="norm").norm, nn.Identity)


def test_a_named_layer_where_two_make_the_output() -> None:
    network = append(TwoOf(lambda first, second: first + second), CLASSES, layer="second")
    assert isinstance(network.second, NormedScores)
    images = train(network, (12,))
    assert difference_between(network, fold(network), images) < ROUNDING
    both = append(network, CLASSES, layer="first")
    with pytest.raises(FinalNormError, match=r"several final norms, in 'first', 'second'; name the layer"):
        fold(both)
    images = train(both, (12,))
    assert difference_between(both, fold(fold(both, layer="first")), images) < ROUNDING


def test_a_network_with_the_norm_is_traced_and_compiled_as_before() -> None:
    network = append(Backwards(), CLASSES)
    images = train(network, (12,))
    assert difference_between(network, torch.fx.symbolic_trace(network), images) == 0
    exported = torch.export.export(network, (images,)).module()
    assert difference_between(network, exported, images) < ROUNDING
