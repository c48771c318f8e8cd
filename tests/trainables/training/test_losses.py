import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from trainables.configuration import Loss, Network
from trainables.training.losses import class_weights, logit_adjustment, per_label, probabilities, weighted_mean

SCORES = torch.tensor([[2.0, -1.0, 0.5], [0.0, 3.0, -2.0]], dtype=torch.float64)
LABELS = torch.tensor([0, 2])
TARGETS = F.one_hot(LABELS, 3).double()
ONES = torch.ones(3, dtype=torch.float64)


def _of_label(losses: Tensor) -> Tensor:
    return (TARGETS * losses).sum(dim=1)


def test_cce_is_torchs_cross_entropy() -> None:
    found = _of_label(per_label(SCORES, Loss(), Network()))
    torch.testing.assert_close(found, F.cross_entropy(SCORES, LABELS, reduction="none"))


def test_weighted_cce_is_torchs_weighted_cross_entropy() -> None:
    weights = class_weights(Loss(class_weights="inverse"), torch.tensor([6.0, 3.0, 1.0], dtype=torch.float64))
    torch.testing.assert_close(weights, torch.tensor([10 / 6, 10 / 3, 10.0], dtype=torch.float64))  # N / N_k
    found = weighted_mean(per_label(SCORES, Loss(), Network()), TARGETS, weights)
    torch.testing.assert_close(found, F.cross_entropy(SCORES, LABELS, weight=weights))


def test_bce_of_softmax_is_bce_of_each_probability() -> None:
    expected = F.binary_cross_entropy(probabilities(SCORES, "softmax"), TARGETS, reduction="none").mean(dim=1)
    torch.testing.assert_close(_of_label(per_label(SCORES, Loss(name="bce"), Network())), expected)


def test_bce_of_sigmoid_is_torchs() -> None:
    expected = F.binary_cross_entropy_with_logits(SCORES, TARGETS, reduction="none").mean(dim=1)
    found = per_label(SCORES, Loss(name="bce"), Network(output="sigmoid"))
    torch.testing.assert_close(_of_label(found), expected)


@pytest.mark.parametrize("output", ["softmax", "sigmoid"])
def test_bce_stays_finite_where_a_probability_rounds_to_one(output: str) -> None:
    scores = torch.tensor([[200.0, 0.0]], requires_grad=True)
    network = Network.model_validate({"output": output})
    loss = weighted_mean(per_label(scores, Loss(name="bce"), network), torch.tensor([[0.0, 1.0]]), torch.ones(2))
    (gradient,) = torch.autograd.grad(loss, scores)
    assert torch.isfinite(loss)
    assert torch.isfinite(gradient).all()


def test_label_smoothing_is_torchs() -> None:
    found = weighted_mean(per_label(SCORES, Loss(label_smoothing=0.1), Network()), TARGETS, ONES)
    torch.testing.assert_close(found, F.cross_entropy(SCORES, LABELS, label_smoothing=0.1))


@pytest.mark.parametrize("name", ["cce", "bce"])
def test_mixup_under_a_weighted_loss_is_the_mixed_weighted_loss(name: str) -> None:
    """Two images, each mixed of two labels: r w_a l_a + (1 - r) w_b l_b, not the product of a mixed w and a mixed l."""
    weights = torch.tensor([1.01, 3.0, 101.0], dtype=torch.float64)
    losses = per_label(SCORES, Loss.model_validate({"name": name}), Network())
    pairs, shares = ((0, 2), (1, 0)), (0.6, 0.8)
    targets = torch.zeros(2, 3, dtype=torch.float64)
    total = weight = 0.0
    for i, ((a, b), r) in enumerate(zip(pairs, shares, strict=True)):
        targets[i, a], targets[i, b] = r, 1 - r
        total += float(r * weights[a] * losses[i, a] + (1 - r) * weights[b] * losses[i, b])
        weight += float(r * weights[a] + (1 - r) * weights[b])
    found = float(weighted_mean(losses, targets, weights))
    assert found == pytest.approx(total / weight)
    product = ((targets @ weights) * (targets * losses).sum(dim=1)).sum() / (targets @ weights).sum()
    assert found != pytest.approx(float(product), rel=0.05)


def test_focal_loss_is_torchvisions() -> None:
    from torchvision.ops import sigmoid_focal_loss

    margins = torch.tensor([2.0, -0.5, 0.1], dtype=torch.float64)
    two = torch.stack([torch.zeros_like(margins), margins], dim=1)  # softmax over (0, m) is the sigmoid of m
    found = per_label(two, Loss(focal_gamma=2.0), Network())[:, 1]
    expected = sigmoid_focal_loss(margins, torch.ones_like(margins), alpha=-1, gamma=2.0)
    torch.testing.assert_close(found, expected)


def test_logit_adjustment_moves_the_best_score_to_the_balanced_one() -> None:
    counts = torch.tensor([990.0, 10.0], dtype=torch.float64)
    added = logit_adjustment(Loss(logit_adjustment=1.0), counts)
    torch.testing.assert_close(torch.softmax(added, dim=0), counts / 1000)  # scores of 0 then mean the prior
    assert torch.equal(logit_adjustment(Loss(), torch.tensor([1.0, 0.0])), torch.zeros(2))


def test_a_focal_loss_has_gradients_where_a_probability_rounds_to_one() -> None:
    scores = torch.tensor([[200.0, -200.0], [0.3, 0.1]], requires_grad=True)
    per_label(scores, Loss(focal_gamma=0.5), Network())[:, 0].sum().backward()
    assert scores.grad is not None
    assert scores.grad.isfinite().all()
