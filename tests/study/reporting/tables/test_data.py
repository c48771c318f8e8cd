import json

import pytest

from study.evidence import PairedDifference, Verdict, decide, group_records
from study.reporting.tables import as_data
from study.studies import Arm, Claim, Study
from tests.support.records import make_records
from trainables.configuration import Configuration
from trainables.evaluation import MAJORITY_F1, MINORITY_F1

PAPER = {MINORITY_F1: 0.25}
NONE, ABSENT = Arm("none", Configuration(), PAPER), Arm("absent", Configuration().replace({"loss.focal_gamma": 2.0}))


def test_it_holds_every_metric_and_is_strict_json() -> None:
    study = Study("s", "", "", (NONE, ABSENT), (), ())
    records = make_records(study, (3,), lambda arm, seed: {MINORITY_F1: 0.5, MAJORITY_F1: None})
    (group,) = group_records(study, records[:1])
    difference = PairedDifference(0.1, 0.05, 0.15, 10, float("nan"))
    verdict = Verdict(Claim("H0", "it helps", "gain", ("none",)), "F1", difference, *decide(difference))
    data = json.loads(json.dumps(as_data(group, [verdict]), allow_nan=False))
    one_seed = {"mean": 0.5, "low": None, "high": None, "n": 1}
    assert data["arms"] == {"none": {"seeds": [3], "published": PAPER, "metrics": {MINORITY_F1: one_seed}}}
    assert (data["study"], data["group"]) == ("s", "as declared")
    (claim,) = data["claims"]
    assert (claim["claim"], claim["verdict"], claim["p"], claim["n"]) == ("H0", "reproduced", None, 10)
    assert claim["low"] == pytest.approx(0.05)
