import math

import numpy as np

from trainables.evaluation import Confusion, measure


def test_shares_of_counts() -> None:
    confusion = Confusion(found=3, rare=4, alarms=2, frequent=20)
    assert (confusion.recall, confusion.precision) == (0.75, 0.6)
    assert confusion.f1 == 2 * 3 / (4 + 3 + 2)
    assert confusion + Confusion(1, 2, 3, 4) == Confusion(4, 6, 5, 24)


def test_they_are_those_of_the_stored_metrics() -> None:
    labels, decided = np.array([0] * 20 + [1] * 4), np.array([1] * 2 + [0] * 18 + [1] * 3 + [0])
    measured = measure(np.eye(2)[decided], labels, ("a", "b"), ("majority", "minority"))
    confusion = Confusion(3, 4, 2, 20)
    for name in ("recall", "precision", "f1"):
        assert getattr(confusion, name) == measured[f"{name}/minority"]


def test_what_is_undefined() -> None:
    assert Confusion(0, 4, 0, 20).precision == 0
    assert Confusion(0, 4, 0, 20).f1 == 0
    assert math.isnan(Confusion(0, 0, 1, 20).recall)
    assert math.isnan(Confusion(0, 0, 1, 20).f1)
