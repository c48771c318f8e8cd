"""What a network is worth at a prevalence, against scikit-learn on test sets that have it."""

import math
from collections.abc import Mapping
from types import MappingProxyType

import numpy as np
import pytest
from sklearn.metrics import f1_score, precision_score

from study.evidence import Group, Rates, f1_at_prevalence, group_records, has_adjusted, rates, training_prevalence
from study.studies import Arm, Study
from tests.support.records import make_record
from trainables.configuration import Configuration
from trainables.evaluation import ADJUSTED, metric_key

TWO = Configuration().replace({"data.minority": "3", "data.majority": "8"})
RECALLS = {"test/recall/minority": 0.9, "test/recall/majority": 0.95}


def _group(configuration: Configuration = TWO, metrics: Mapping[str, float] = MappingProxyType({})) -> Group:
    study = Study("s", "", "", (Arm("a", configuration),), (), ())
    records = [make_record("a", seed, configuration, {**RECALLS, **metrics}) for seed in range(2)]
    (group,) = group_records(study, records)
    return group


@pytest.mark.parametrize("per_1000", [10, 100, 1000])
def test_every_number_is_that_of_a_test_set_with_this_prevalence(per_1000: int) -> None:
    """1000 frequent and so many rare images: 9 in 10 are found, 50 of 1000 are false alarms."""
    found, missed = per_1000 * 9 // 10, per_1000 // 10
    labels = np.repeat([0, 1], [1000, per_1000])
    decided = np.repeat([1, 0, 1, 0], [50, 950, found, missed])
    (run, _) = rates(_group(), "a").values()
    prevalence = per_1000 / (1000 + per_1000)
    assert run.minority_f1(prevalence) == pytest.approx(f1_score(labels, decided))
    assert run.majority_f1(prevalence) == pytest.approx(f1_score(labels, decided, pos_label=0))
    assert run.precision(prevalence) == pytest.approx(precision_score(labels, decided))
    assert run.cost(prevalence, miss=7) == pytest.approx((50 + 7 * missed) / (1000 + per_1000))


def test_the_training_prevalence_is_the_default_and_unknown_where_counts_are_not_numbers() -> None:
    assert training_prevalence(TWO.data) == pytest.approx(10 / 1010)
    assert f1_at_prevalence(_group(), "a") == pytest.approx(f1_at_prevalence(_group(), "a", 10 / 1010))
    everything = TWO.replace({"data.train_minority": "all"})
    assert math.isnan(f1_at_prevalence(_group(everything), "a")[0])


def test_who_takes_nothing_for_the_minority_costs_its_misses_and_has_precision_0() -> None:
    run = Rates(found=0.0, alarms=0.0)
    assert (run.precision(0.1), run.minority_f1(0.1)) == (0, 0)
    assert run.cost(0.1) == pytest.approx(1.0)  # every tenth image, ten false alarms each


def test_what_no_record_tells_is_nothing_or_nan() -> None:
    assert math.isnan(rates(_group(metrics={"test/recall/minority": math.nan}), "a")[0].found)
    three = TWO.replace({"data.minority": "3,5"})
    assert rates(_group(three), "a") == {}


def test_adjusted_scores_are_there_or_not() -> None:
    assert not has_adjusted(_group(), "a")
    adjusted = {metric_key(ADJUSTED, "recall", role): 0.5 for role in ("minority", "majority")}
    assert has_adjusted(_group(metrics=adjusted), "a")
    assert rates(_group(metrics=adjusted), "a", ADJUSTED)[1] == Rates(0.5, 0.5)
