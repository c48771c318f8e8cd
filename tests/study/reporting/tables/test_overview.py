"""What fits a screen: on 80 columns every number of the main table, on fewer their means, nothing ever cut."""

import io

import pytest
from rich.console import Console
from rich.table import Table

from study.evidence import Group, group_records, judge
from study.reporting.tables import claims_overview, overview_table
from study.studies import Arm, Claim, Pair, Study, find
from tests.support.records import make_record, make_records
from tests.support.tables import header_of, rows_of
from trainables.configuration import Configuration
from trainables.evaluation import MAJORITY_F1, MINORITY_F1, metric_key

MNIST = Configuration().replace({"data.source": "mnist"})  # its official test images need no wider intervals
NONE = Arm("none", MNIST)
FINAL = Arm("final BN + weighted loss + augmentation", MNIST.replace({"network.final_norm": "batch"}))
PAIR = Pair("plain", FINAL.name, NONE.name)


def _group() -> Group:
    """Eight seeds: the rare class's F1 is 0.25 without and 0.75 with the norm, alternately 0.01 more and less."""
    records = []
    for arm, f1 in ((NONE, 0.25), (FINAL, 0.75)):
        for seed in range(8):
            rare = f1 + (0.01 if seed % 2 == (arm is NONE) else -0.01)
            recalls = {metric_key("test", "recall", name): 0.9 for name in arm.configuration.data.classes}
            metrics = {MINORITY_F1: rare, MAJORITY_F1: 0.875, **recalls}
            records.append(make_record(arm.name, seed, arm.configuration, metrics))
    (group,) = group_records(Study("s", "", "a title", (NONE, FINAL), (PAIR,), ()), records)
    return group


def _printed(table: Table, width: int) -> str:
    screen = Console(file=io.StringIO(), width=width)
    screen.print(table)
    assert isinstance(screen.file, io.StringIO)
    return screen.file.getvalue()


def test_eighty_columns_show_arm_number_scores_gain_and_verdict() -> None:
    table = overview_table(_group(), 80)
    assert header_of(table) == ["arm", "n", "F1 rare", "F1 frequent", "gain", "verdict"]
    # of 8 values 0.01 around their mean: t(0.975, 7) 0.01 sqrt(8 / 7) / sqrt(8) = 2.3646 * 0.0037796 = 0.0089;
    # the paired gain is 0.52 or 0.48: twice that
    assert rows_of(table) == [
        ["none", "8", "0.250 ± 0.009", "0.875", "", ""],
        [FINAL.name, "8", "0.750 ± 0.009", "0.875", "+0.500 ± 0.018", "reproduced"],
    ]


def test_a_wider_screen_shows_more_and_a_narrower_one_the_means() -> None:
    group = _group()
    wide, narrow = overview_table(group, 240), overview_table(group, 60)
    assert header_of(wide)[:6] == header_of(narrow)
    assert "average precision" in header_of(wide)
    assert rows_of(wide)[1][3] == "0.875 ± 0.000"
    assert rows_of(narrow)[1] == [FINAL.name, "8", "0.750", "0.875", "+0.500", "reproduced"]


@pytest.mark.parametrize("width", [60, 72, 80, 100, 140, 240])
@pytest.mark.parametrize("name", ["digits", "table4", "table7", "images", "learning-rate", "weighted-bn"])
def test_nothing_is_cut(name: str, width: int) -> None:
    (study,) = find([name])
    metrics = {MINORITY_F1: 0.5, MAJORITY_F1: 0.25, "test/average_precision/minority": 0.125}
    (group,) = group_records(study, make_records(study, metrics=lambda arm, seed: metrics))
    verdicts = [judge(claim, group) for claim in study.claims]
    for table in (overview_table(group, width), claims_overview(verdicts)):
        text = _printed(table, width)
        assert "…" not in text
        assert max(map(len, text.splitlines())) <= width
        words = set(text.split())
        assert all(word in words for row in rows_of(table) for cell in row for word in cell.split())


def test_an_arm_that_nothing_is_compared_with_has_no_gain() -> None:
    (group,) = group_records(Study("s", "", "a title", (NONE,), (), ()), [make_record("none", 0, NONE.configuration)])
    assert header_of(overview_table(group, 40)) == ["arm", "n", "F1 rare", "F1 frequent"]
    assert rows_of(overview_table(group, 40)) == [["none", "1", "-", "-"]]


def test_a_claim_is_its_sentence_its_number_and_its_verdict() -> None:
    group = _group()
    claim = Claim("H0", "it lifts", "gain", (FINAL.name,), (NONE.name,))
    assert rows_of(claims_overview([judge(claim, group)])) == [
        ["H0: it lifts", "+0.500 [+0.482, +0.518]", "reproduced"]
    ]
