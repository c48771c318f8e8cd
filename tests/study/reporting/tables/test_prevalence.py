from study.evidence import Group, group_records
from study.reporting.tables import arms_table, prevalence_table
from study.studies import Study, find
from tests.support.records import make_records
from tests.support.tables import header_of, rows_of
from trainables.evaluation import ADJUSTED_MAJORITY_F1, ADJUSTED_MINORITY_F1


def _group(study: Study, has_adjusted: bool = True) -> Group:
    recalls = {"test/recall/minority": 0.5, "test/recall/majority": 1.0}
    adjusted = {"test-adjusted/recall/minority": 0.9, "test-adjusted/recall/majority": 0.9,
                ADJUSTED_MINORITY_F1: 0.9, ADJUSTED_MAJORITY_F1: 0.9}  # fmt: skip

    def metrics(arm: object, seed: int) -> dict[str, float | None]:
        is_plain = getattr(arm, "name", "") == "plain"
        return {**recalls, **(adjusted if is_plain and has_adjusted else {})}

    (group,) = group_records(study, make_records(study, (0, 1), metrics))
    return group


def test_it_goes_from_balanced_to_as_rare_as_in_training() -> None:
    rows = rows_of(prevalence_table(_group(find(["digits"])[0])))
    names = ["plain", "plain, adjusted to 1:1", "weighted loss", "final BN"]
    assert [row[0] for row in rows] == [name for name in names for _ in range(3)]
    assert [row[1] for row in rows] == ["1000", "100", "10"] * 4
    # half found, no alarm: F1 2 / 3 wherever; of 1000 images 500 are rare, 250 are missed, 10 alarms each
    assert rows[0][2:] == ["0.667 ± 0.000", "0.800 ± 0.000", "1.000 ± 0.000", "2500.0"]
    # adjusted at 10 per 1000: 9 found, 100 alarms: F1 = 18 / (109 + 10); cost (100 + 10 * 1) / 1.01
    assert rows[5][2] == "0.151 ± 0.000"
    assert rows[5][4:] == ["0.083 ± 0.000", "108.9"]


def test_it_is_there_only_where_something_is_claimed_at_the_training_prevalence() -> None:
    assert prevalence_table(_group(find(["mechanism"])[0])) is None


def test_adjusted_scores_have_columns_beside_the_removed_norm_where_there_are_some() -> None:
    columns = header_of(arms_table(_group(find(["digits"])[0])))
    place = columns.index("F1 majority, BN removed")
    assert columns[place + 1 :] == ["F1 minority, prior adjusted", "F1 majority, prior adjusted", "average precision"]
    assert len(header_of(arms_table(_group(find(["digits"])[0], has_adjusted=False)))) == len(columns) - 2
