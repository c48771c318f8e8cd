import numpy as np

from study.evidence import Group, group_records
from study.reporting.predictions import Arrays
from study.reporting.tables import pairs_table, samples_table
from study.studies import Arm, Pair, Study
from tests.support.records import make_records
from tests.support.tables import rows_of
from trainables.configuration import Configuration
from trainables.evaluation import MAJORITY_F1, MINORITY_F1

NONE = Arm("none", Configuration())
FINAL = Arm("final", Configuration().replace({"network.final_norm": "batch"}))
STUDY = Study(
    "s", "", "", (NONE, FINAL), (Pair("p", "final", "none"), Pair("absent", "x", "y")), (), samples=((0.1, 0.5),) * 3
)


def _group(study: Study = STUDY) -> Group:
    def metrics(arm: Arm, seed: int) -> dict[str, float | None]:
        gain = 0.1 * (seed + 1) if arm.name == "final" else 0.0
        return {MINORITY_F1: 0.2 + gain, MAJORITY_F1: 0.9}

    (group,) = group_records(study, make_records(study, (0, 1, 2), metrics))
    return group


def test_gains_are_paired_over_seeds_and_a_pair_without_records_has_no_row() -> None:
    # gains 0.1, 0.2, 0.3: sd 0.1, t(0.975, 2) * 0.1 / sqrt(3) = 4.3027 * 0.05774 = 0.248; 2 of 8 sign patterns as far
    assert rows_of(pairs_table(_group())) == [["p", "3", "0.200 ± 0.248", "0.25", "0.000 ± 0.000"]]


def _scores(*minority: float) -> Arrays:
    """Returns predictions of two majority images and then minority images with these P(minority)."""
    p = np.array([0.0, 0.1, *minority])
    scores = np.log(np.stack([1 - p, p], axis=1) + 1e-12)
    return {"scores": scores, "labels": np.array([0, 0] + [1] * len(minority)), "positions": np.arange(len(p))}


def test_the_first_wrong_minority_images_are_shown_the_least_sure_last() -> None:
    predictions: dict[str, Arrays] = {
        "none": _scores(0.4, 0.9, 0.2, 0.3, 0.1),
        "final": _scores(0.6, 0.9, 0.7, 0.8, 0.9),
    }
    table = samples_table(_group(), predictions.get)
    assert table is not None
    assert table.title == "P(minority) of minority images, none | final (4 are wrong without)"
    assert rows_of(table) == [
        ["4", "0.2000", "0.7000", "0.1000", "0.5000"],
        ["5", "0.3000", "0.8000", "0.1000", "0.5000"],
        ["2", "0.4000", "0.6000", "0.1000", "0.5000"],
    ]


def test_the_paper_s_images_stand_alone_where_ours_are_fewer() -> None:
    predictions = {"none": _scores(0.4), "final": _scores(0.6)}
    assert rows_of(samples_table(_group(), predictions.get))[1:] == [["", "", "", "0.1000", "0.5000"]] * 2


def test_no_images_without_the_paper_s_or_without_predictions_of_both_arms() -> None:
    assert samples_table(_group(), {"none": _scores(0.4)}.get) is None
    without = Study("s", "", "", (NONE, FINAL), (), ())
    assert samples_table(_group(without), lambda arm: None) is None
