"""Both sides of Tune read a report as it was written, also after Tune has added to it and flattened it."""

import math

import pytest
from ray.tune.utils import flatten_dict

from study.studies import OBJECTIVES
from trainables.tune import EPOCH, SearchReport, TrialReport

OF_TUNE = {"training_iteration": 3, "config": {"index": 0}, "time_total_s": 1.5}


@pytest.mark.parametrize(
    "report",
    [
        TrialReport(7, 0.5),
        TrialReport(30, 0.5, {}, done=True),
        TrialReport(0, -1.0, {0: "no data", 12: "training loss is nan"}, done=True),
        SearchReport(7, 0.5),
        SearchReport(30, 0.5, latency=1.25, done=True),
        SearchReport(3, 0.0, reason="seed 1: training loss is nan", done=True),
    ],
    ids=str,
)
def test_a_report_comes_back_from_tunes_result(report: TrialReport | SearchReport) -> None:
    result = {**report.to_result(), **OF_TUNE}
    assert type(report).from_result(result) == report
    assert type(report).from_result(flatten_dict(result)) == report
    assert result[EPOCH] == report.epoch
    assert result["done"] is report.done  # Tune's own word


def test_a_setting_that_failed_has_no_objective() -> None:
    report = SearchReport.from_result(SearchReport.failed(2, "seed 1: training loss is nan").to_result())
    assert (report.epoch, report.reason, report.done) == (2, "seed 1: training loss is nan", True)
    assert all(math.isnan(report.objective(name)) for name in OBJECTIVES)


def test_every_objective_is_reported_under_its_name() -> None:
    report = SearchReport(30, 0.5, latency=1.25)
    assert {name: report.objective(name) for name in OBJECTIVES} == {"minority_f1": 0.5, "latency": 1.25}
    assert OBJECTIVES.keys() <= report.to_result().keys()  # Optuna and ASHA look there
