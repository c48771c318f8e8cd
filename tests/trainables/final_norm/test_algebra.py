import pytest
import torch
from torch import nn

from trainables.final_norm import algebra


def _trained_norm() -> nn.BatchNorm1d:
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


def test_scale_and_shift_do_not_depend_on_the_mode_and_have_the_type_that_is_asked_for() -> None:
    norm = _trained_norm()
    in_training = algebra.scale_and_shift(norm.train())
    assert all(map(torch.equal, in_training, algebra.scale_and_shift(norm.eval())))
    assert in_training[0].dtype == torch.float32
    exact = algebra.scale_and_shift(norm, torch.float64)
    assert exact[0].dtype == torch.float64
    torch.testing.assert_close(exact[0].float(), in_training[0])


@pytest.mark.parametrize("bias", [True, False])
def test_fold_is_exact(bias: bool) -> None:
    norm, dense, x = _trained_norm(), nn.Linear(5, 3, bias=bias), torch.randn(8, 5)
    before = dense(x)
    algebra.fold_into(dense, norm)
    torch.testing.assert_close(dense(x), norm(before))  # float32 rounding only
    assert not torch.allclose(before, norm(before))  # the norm did something


class _WithActivation(nn.BatchNorm1d):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return super().forward(x).relu()


@pytest.mark.parametrize(
    ("norm", "reason"),
    [
        (algebra.make_norm("none", 3), "got Identity; only a batch norm"),
        (nn.LayerNorm(3), "got LayerNorm"),
        (_WithActivation(3), "got _WithActivation"),
        (nn.BatchNorm1d(3, track_running_stats=False), "no running statistics"),
    ],
    ids=["identity", "layer norm", "batch norm with activation", "statistics of each batch"],
)
def test_what_has_no_scale_and_shift_says_why(norm: nn.Module, reason: str) -> None:
    with pytest.raises(algebra.FinalNormError, match=reason):
        algebra.scale_and_shift(norm)


def test_numbers_that_the_type_cannot_hold_are_refused() -> None:
    norm, dense = _trained_norm().half(), nn.Linear(5, 3).half()
    with torch.no_grad():
        norm.running_var.fill_(0)  # type: ignore[union-attr]
        norm.weight.fill_(6e4)
    with pytest.raises(algebra.FinalNormError, match=r"not finite in torch\.float16"):
        algebra.fold_into(dense, norm)
