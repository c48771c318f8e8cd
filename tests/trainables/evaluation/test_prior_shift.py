"""Adjusted scores are those of a network that had learned with the other shares, for softmax and sigmoid outputs."""

import numpy as np
import pytest

from trainables.configuration import Configuration
from trainables.evaluation import adjusted_scores, is_plain, probabilities_of, training_counts

POSTERIOR = np.array([[0.9, 0.1], [0.99, 0.01], [0.5, 0.5]])


@pytest.mark.parametrize(
    ("output", "scores"),
    [("softmax", np.log(POSTERIOR)), ("sigmoid", np.log(POSTERIOR) - np.log1p(-POSTERIOR))],
    ids=["softmax", "sigmoid"],
)
def test_it_is_bayes_rule_with_the_other_prior(output: str, scores: np.ndarray) -> None:
    """Posterior odds go with prior odds: of 1000 to 10 trained, decided at 1 to 1."""
    adjusted = probabilities_of(output, adjusted_scores(output, scores, (1000, 10), (1, 1)))
    odds = POSTERIOR[:, 1] / POSTERIOR[:, 0] * 100
    np.testing.assert_allclose(adjusted[:, 1] / adjusted[:, 0], odds, rtol=1e-9)
    np.testing.assert_allclose(adjusted.sum(axis=1), 1, rtol=1e-9)


def test_the_same_prior_changes_nothing_and_shares_may_be_counts() -> None:
    scores = np.array([[1.0, -2.0, 0.5]])
    np.testing.assert_allclose(adjusted_scores("softmax", scores, (5, 3, 2), (50, 30, 20)), scores, atol=1e-12)


def test_training_counts_are_those_that_are_declared_as_numbers() -> None:
    several = Configuration().replace({"data.minority": "3,5", "data.majority": "8"})
    assert training_counts(several) == [1000, 10, 10]
    assert training_counts(several.replace({"data.train_majority": "all"})) is None
    assert training_counts(several.replace({"data.train_minority": 0.2})) is None


@pytest.mark.parametrize(
    "change",
    [
        {"network.final_norm": "batch"},
        {"loss.class_weights": "inverse"},
        {"loss.logit_adjustment": 1.0},
        {"schedule.sampling": "balanced"},
    ],
    ids=str,
)
def test_what_answers_to_rare_classes_in_training_is_not_plain(change: dict[str, object]) -> None:
    assert is_plain(Configuration())
    assert not is_plain(Configuration().replace(change))
