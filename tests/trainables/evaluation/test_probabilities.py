import numpy as np
import pytest
import torch

from trainables.configuration import Configuration
from trainables.evaluation import minority_probability, probabilities_of
from trainables.training import probabilities

SIGMOID = {"network.output": "sigmoid", "loss.name": "bce"}


def _logit(p: list[float] | list[list[float]]) -> np.ndarray:
    return np.asarray(np.log(p) - np.log1p(-np.array(p)))


def test_sigmoid_outputs_that_do_not_sum_to_one() -> None:
    # outputs 0.2 of the majority, 0.6 of the minority: 0.6 / (0.2 + 0.6); then 0.45 and 0.4: 0.4 / 0.85
    scores = np.array([_logit([0.2, 0.6]), _logit([0.45, 0.4])])
    p = minority_probability(Configuration().replace(SIGMOID), scores)
    assert p == pytest.approx([0.75, 0.4 / 0.85])
    assert ((p > 0.5) == (scores.argmax(axis=1) == 1)).all()  # two classes: it decides as argmax does


def test_the_classes_of_a_role_count_as_one() -> None:
    # outputs 0.1, 0.3 | 0.4, 0.2, as they are for sigmoid and softmax alike: both minority classes together 0.6
    classes = {"data.majority": ("0", "1"), "data.minority": ("8", "9")}
    outputs = np.array([[0.1, 0.3, 0.4, 0.2]])
    softmax, sigmoid = Configuration().replace(classes), Configuration().replace(classes | SIGMOID)
    assert minority_probability(softmax, np.log(outputs)) == pytest.approx([0.6])
    assert minority_probability(sigmoid, _logit(outputs.tolist())) == pytest.approx([0.6])
    assert minority_probability(sigmoid, _logit([[0.9, 0.9, 0.9, 0.3]])) == pytest.approx([0.4])


@pytest.mark.parametrize("output", ["softmax", "sigmoid"])
def test_training_and_evaluation_have_the_same_probabilities(output: str) -> None:
    scores = np.random.default_rng(0).normal(0, 20, (100, 3))
    expected = probabilities(torch.from_numpy(scores), output).numpy()
    assert np.abs(probabilities_of(output, scores) - expected).max() < 1e-14  # float64 in both
    in_float32 = probabilities_of(output, scores.astype(np.float32))
    assert in_float32.dtype == np.float64
    assert np.abs(in_float32 - expected).max() < 1e-5  # scores of about 50 are rounded by 2e-6


def test_large_scores_do_not_overflow() -> None:
    scores = np.array([[1000.0, -1000.0], [-1000.0, 1000.0]])
    for changes in ({}, SIGMOID):
        assert minority_probability(Configuration().replace(changes), scores) == pytest.approx([0, 1])
