import pytest
import torch
from torch import nn

from trainables.final_norm import algebra


def _trained_norm() -> nn.Module:
    norm = nn.BatchNorm1d(3)
    for _ in range(20):
        norm(torch.randn(16, 3) * torch.tensor([1.0, 5.0, 0.1]) + 2)
    with torch.no_grad():
        norm.weight.copy_(torch.tensor([1.5, -0.5, 0.0]))
        norm.bias.copy_(torch.tensor([0.1, 0.2, -3.0]))
    return norm.eval()


def test_scale_and_shift_are_the_evaluation_form() -> None:
    norm, scores = _trained_norm(), torch.randn(8, 3)
    scale, shift = algebra.scale_and_shift(norm)
    torch.testing.assert_close(scale * scores + shift, norm(scores))


@pytest.mark.parametrize("bias", [True, False])
def test_fold_is_exact(bias: bool) -> None:
    norm, dense, x = _trained_norm(), nn.Linear(5, 3, bias=bias), torch.randn(8, 5)
    torch.testing.assert_close(algebra.fold_linear(dense, norm)(x), norm(dense(x)))  # float32 rounding only
    assert not torch.allclose(dense(x), norm(dense(x)))  # the norm did something


def test_the_identity_has_no_scale_and_shift() -> None:
    with pytest.raises(TypeError, match="got Identity"):
        algebra.scale_and_shift(algebra.make_norm("none", 3))
