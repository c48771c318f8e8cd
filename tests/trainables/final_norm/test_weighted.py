import numpy as np
import pytest
import torch
from torch import Tensor, nn

from trainables.configuration import Configuration, Loss
from trainables.data.images import Images
from trainables.final_norm import algebra
from trainables.final_norm.weighted import EPS, WeightedBatchNorm, averaging_statistics
from trainables.training.inputs import Inputs
from trainables.training.losses import class_weights

X = torch.randn(12, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(1)) * torch.tensor([1.0, 4.0, 0.2])
W = torch.tensor([1.0] * 10 + [30.0, 30.0], dtype=torch.float64)


def _layer(weighted: bool = True) -> WeightedBatchNorm:
    layer = WeightedBatchNorm(3, weighted).double()
    with torch.no_grad():
        layer.weight.copy_(torch.tensor([1.5, -0.5, 2.0]))
        layer.bias.copy_(torch.tensor([0.1, 0.2, -3.0]))
    layer.image_weights = W
    return layer


def _by_the_paper(x: np.ndarray, w: np.ndarray, layer: WeightedBatchNorm) -> np.ndarray:
    """Eq. 7, 8, 11, 12, one unit and one image at a time."""
    gamma, b = layer.weight.detach().numpy(), layer.bias.detach().numpy()
    y = np.empty_like(x)
    for j in range(x.shape[1]):
        z = sum(w)
        m = sum(w[i] * x[i, j] for i in range(len(x))) / z
        v = sum(w[i] * (x[i, j] - m) ** 2 for i in range(len(x))) / (z - 1)
        y[:, j] = [gamma[j] * (x[i, j] - m) / np.sqrt(v + 1e-8) + b[j] for i in range(len(x))]
    return y


def test_forward_is_the_papers_equations() -> None:
    layer = _layer()
    np.testing.assert_allclose(layer(X).detach().numpy(), _by_the_paper(X.numpy(), W.numpy(), layer), rtol=1e-12)


def test_standard_is_the_same_layer_with_weights_1_and_an_unbiased_variance() -> None:
    standard, ones = _layer(weighted=False), _layer()
    ones.image_weights = torch.ones(12, dtype=torch.float64)
    torch.testing.assert_close(standard(X), ones(X))
    expected = (X - X.mean(0)) / torch.sqrt(X.var(0, unbiased=True) + EPS) * standard.weight + standard.bias
    torch.testing.assert_close(standard(X), expected)
    biased = nn.BatchNorm1d(3, eps=EPS).double()(X) * standard.weight + standard.bias
    assert not torch.allclose(standard(X), biased, rtol=1e-3)  # torch's own layer is another one


def test_gradient_in_float64() -> None:
    layer = _layer()

    def outputs(x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
        return torch.func.functional_call(layer, {"weight": weight, "bias": bias}, (x,))  # type: ignore[no-any-return]

    inputs = (X.clone().requires_grad_(), layer.weight, layer.bias)
    assert torch.autograd.gradcheck(outputs, inputs, eps=1e-6, atol=1e-7)


@pytest.mark.parametrize("weight", [1 / 12, 0.05], ids=["Z = 1", "Z < 1"])
def test_a_batch_that_weighs_1_or_less_is_an_error(weight: float) -> None:
    layer = _layer()
    layer.image_weights = torch.full((12,), weight, dtype=torch.float64)
    with pytest.raises(ValueError, match=r"Z_r = .* more than 1 is needed"):
        layer(X)


def test_raw_class_balanced_weights_break_the_variance_and_rescaled_ones_do_not() -> None:
    """Y19 eq. 13 for beta near 1: w is about 1 / N_k, so a batch of majority images weighs less than 1."""
    counts, beta = torch.tensor([5923.0, 45.0], dtype=torch.float64), 0.9999
    raw = (1 - beta) / (1 - beta**counts)
    assert float(100 * raw[0]) < 1
    rescaled = class_weights(Loss(class_weights="effective", beta=beta), counts)
    assert float((rescaled * counts).sum() / counts.sum()) == pytest.approx(1)
    torch.testing.assert_close(rescaled[1] / rescaled[0], raw[1] / raw[0])
    assert float(50 * rescaled[0]) > 1


def test_limits_of_class_balanced_weights() -> None:
    counts = torch.tensor([1000.0, 10.0])
    near_one = class_weights(Loss(class_weights="effective", beta=1 - 1e-9), counts)
    inverse = class_weights(Loss(class_weights="inverse"), counts)
    torch.testing.assert_close(near_one / near_one[0], inverse / inverse[0], rtol=1e-4, atol=0)


def test_inference_uses_the_mean_over_mini_batches() -> None:
    layer = _layer(weighted=False)
    halves = X[:6], X[6:]
    with averaging_statistics([layer]), torch.no_grad():
        for half in halves:
            layer(half)
    torch.testing.assert_close(layer.running_mean, torch.stack([half.mean(0) for half in halves]).mean(0))
    torch.testing.assert_close(layer.running_var, torch.stack([half.var(0) for half in halves]).mean(0))
    layer.eval()
    scale, shift = algebra.scale_and_shift(layer)
    torch.testing.assert_close(layer(X), scale * X + shift)
    torch.testing.assert_close(algebra.as_batch_norm(layer).double()(X), layer(X))


@pytest.mark.parametrize("kind", ["standard", "weighted"])
def test_it_trains_and_continues(kind: str, tiny: Configuration, digits: Images) -> None:
    from trainables.training.fit import fit

    norms = {"network.first_norm": kind, "network.final_norm": kind, "loss.class_weights": "inverse"}
    configuration = tiny.replace(norms)
    *_, whole = fit(configuration, Inputs(digits), [0])
    first = next(fit(configuration, Inputs(digits), [0]))
    *_, continued = fit(configuration, Inputs(digits), [0], state=first.state())
    assert whole.metrics == continued.metrics
    assert whole.metrics[0]["final-norm/scale/8"] != 1
