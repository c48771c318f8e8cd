from study.evidence import group_records
from study.reporting.tables import defaults_table
from study.studies import find
from tests.support.records import make_records
from tests.support.tables import rows_of
from trainables.evaluation import MAJORITY_F1, MINORITY_F1


def test_a_default_decides_where_its_whole_interval_is_far_from_0() -> None:
    """The digits: Glorot alone lifts the plain network by 0.2 or so; among the tool's it does nothing."""
    (study,) = find(["defaults"])

    def metrics(arm: object, seed: int) -> dict[str, float | None]:
        name = getattr(arm, "name", "")
        f1 = 0.5 + seed / 1000 + (0.2 + seed / 500 if name == "digits, + Glorot, none" else 0)
        return {MINORITY_F1: f1, MAJORITY_F1: f1} if name.startswith("digits") else {}

    records = [record for record in make_records(study, (100, 101, 102), metrics) if record.history]
    (group,) = group_records(study, records)
    rows = rows_of(defaults_table(group))
    assert [row[:3] for row in rows[:4]] == [
        ["digits", "momentum 0.01", "final BN"], ["digits", "eps 1e-3", "final BN"],
        ["digits", "Glorot", "plain"], ["digits", "Glorot", "final BN"]]  # fmt: skip
    assert rows[2][3:] == ["3", "+0.402 [+0.397, +0.407]", "3", "+0.000 [+0.000, +0.000]", "alone"]
    assert rows[3][3:] == ["3", "+0.000 [+0.000, +0.000]", "3", "+0.000 [+0.000, +0.000]", ""]


def test_another_study_has_no_such_table() -> None:
    (study,) = find(["table7"])
    (group,) = group_records(study, make_records(study))
    assert defaults_table(group) is None
