from study.evidence import Group, group_records
from study.reporting.tables import affine_table, arms_table, published_table
from study.studies import Arm, Study
from tests.support.records import make_record
from tests.support.tables import header_of, rows_of
from trainables.configuration import Configuration
from trainables.evaluation import MAJORITY_F1, MINORITY_F1

ACCURACY = "test/accuracy/all"
NONE = Arm("none", Configuration(), {MINORITY_F1: 0.25, ACCURACY: 0.75})
FINAL = Arm("final", Configuration().replace({"network.final_norm": "batch"}))
ABSENT = Arm("absent", Configuration().replace({"loss.focal_gamma": 2.0}), {ACCURACY: 0.5})


def _group(*arms: Arm) -> Group:
    records = [
        make_record("none", 0, NONE.configuration, {MINORITY_F1: 0.1, MAJORITY_F1: 0.9, ACCURACY: 0.7}),
        make_record("final", 0, FINAL.configuration, {MINORITY_F1: 0.6, **_affine(2.0)}),
        make_record("final", 1, FINAL.configuration, {MINORITY_F1: 0.8, **_affine(4.0)}),
    ]
    (group,) = group_records(Study("s", "", "a title", arms, (), ()), records)
    return group


def _affine(scale: float) -> dict[str, float | None]:
    return {"final-norm/scale/8": scale, "final-norm/shift/8": -scale}


def test_an_arm_without_records_has_no_row_and_the_paper_is_beside_ours() -> None:
    table = arms_table(_group(NONE, FINAL, ABSENT))
    assert table.title == "s: a title (as declared)"
    assert header_of(table)[-2:] == ["paper minority", "paper majority"]
    # final: t(0.975, 1) * sd / sqrt(2) = 12.706 * 0.1414 / 1.4142 = 1.271
    assert rows_of(table) == [
        ["none", "1", "0.100", "0.900", "-", "-", "-", "0.25", ""],
        ["final", "2", "0.700 ± 1.271", "-", "-", "-", "-", "", ""],
    ]


def test_a_study_without_published_numbers_has_no_columns_for_them() -> None:
    assert header_of(arms_table(_group(FINAL)))[-1] == "average precision"


def test_every_printed_number_has_its_distance_and_whether_our_interval_holds_it() -> None:
    near = Arm("final", FINAL.configuration, {MINORITY_F1: 1.9, "final-norm/scale/8": 99.0})
    assert rows_of(published_table(_group(NONE, near, ABSENT))) == [
        ["none", MINORITY_F1, "0.100", "0.25", "-0.150", "-"],  # one seed has no interval
        ["none", ACCURACY, "0.700", "0.75", "-0.050", "-"],
        ["final", MINORITY_F1, "0.700 ± 1.271", "1.9", "-1.200", "yes"],
        ["final", "final-norm/scale/8", "3.000 ± 12.706", "99", "-96.000", "no"],
    ]
    assert published_table(_group(FINAL)) is None


def test_scale_and_shift_of_what_has_a_final_norm() -> None:
    # 12.706 * 1.4142 / 1.4142 = 12.706
    assert rows_of(affine_table(_group(NONE, FINAL))) == [["final", "8", "3.000 ± 12.706", "-3.000 ± 12.706"]]
    assert affine_table(_group(NONE)) is None
