import torch
from torch.nn import functional as F

from trainables.configuration import Loss, Network
from trainables.losses import class_weights, per_image, probabilities, weighted_mean

SCORES = torch.tensor([[2.0, -1.0, 0.5], [0.0, 3.0, -2.0]], dtype=torch.float64)
LABELS = torch.tensor([0, 2])
TARGETS = F.one_hot(LABELS, 3).double()


def test_cce_is_torchs_cross_entropy() -> None:
    found = per_image(SCORES, TARGETS, Loss(), Network())
    torch.testing.assert_close(found, F.cross_entropy(SCORES, LABELS, reduction="none"))


def test_weighted_cce_is_torchs_weighted_cross_entropy() -> None:
    weights = class_weights(Loss(class_weights="inverse"), torch.tensor([6.0, 3.0, 1.0], dtype=torch.float64))
    torch.testing.assert_close(weights, torch.tensor([10 / 6, 10 / 3, 10.0], dtype=torch.float64))  # N / N_k
    found = weighted_mean(per_image(SCORES, TARGETS, Loss(), Network()), TARGETS @ weights)
    torch.testing.assert_close(found, F.cross_entropy(SCORES, LABELS, weight=weights))


def test_bce_of_softmax_is_bce_of_each_probability() -> None:
    expected = F.binary_cross_entropy(probabilities(SCORES, "softmax"), TARGETS, reduction="none").mean(dim=1)
    torch.testing.assert_close(per_image(SCORES, TARGETS, Loss(name="bce"), Network()), expected)


def test_bce_of_sigmoid_is_torchs() -> None:
    expected = F.binary_cross_entropy_with_logits(SCORES, TARGETS, reduction="none").mean(dim=1)
    found = per_image(SCORES, TARGETS, Loss(name="bce"), Network(output="sigmoid"))
    torch.testing.assert_close(found, expected)


def test_bce_of_softmax_stays_finite_where_a_probability_rounds_to_one() -> None:
    scores = torch.tensor([[200.0, 0.0]], requires_grad=True)
    loss = per_image(scores, torch.tensor([[0.0, 1.0]]), Loss(name="bce"), Network()).sum()
    (gradient,) = torch.autograd.grad(loss, scores)
    assert torch.isfinite(loss)
    assert torch.isfinite(gradient).all()


def test_a_mixed_target_is_the_mixed_weighted_loss() -> None:
    weights, share = torch.tensor([1.0, 1.0, 5.0], dtype=torch.float64), 0.7
    mixed = share * TARGETS[0] + (1 - share) * TARGETS[1]
    found = weighted_mean(per_image(SCORES[:1], mixed[None], Loss(), Network()), mixed[None] @ weights)
    log_p = F.log_softmax(SCORES[0], dim=0)
    torch.testing.assert_close(found, -(share * log_p[0] + (1 - share) * log_p[2]))
