import math

from study.evidence import PairedDifference, Verdict, decide
from study.reporting.tables import claims_table
from study.studies import Claim
from tests.support.tables import rows_of

CLAIM = Claim("H0", "it helps", "gain", ("final",), ("none",))


def test_a_row_says_the_claim_its_statistic_and_what_follows() -> None:
    decided = PairedDifference(0.1234, 0.05, 0.2, 10, 0.002)
    undecided = PairedDifference(0.1, math.nan, math.nan, 1, math.nan)
    verdicts = [
        Verdict(CLAIM, "F1", difference, *decide(difference), t_p)
        for difference, t_p in ((decided, 0.004), (undecided, math.nan))
    ]
    start = ["H0", "it helps", "F1"]
    assert rows_of(claims_table(verdicts)) == [
        [*start, "+0.123", "[+0.050, +0.200]", "0.004", "0.002", "10", verdicts[0].verdict, verdicts[0].reason],
        [*start, "+0.100", "-", "-", "-", "1", verdicts[1].verdict, verdicts[1].reason],
    ]


def test_a_pool_that_every_seed_redraws_has_both_intervals() -> None:
    corrected = PairedDifference(0.1, 0.0, 0.2, 10, 0.002, half_width_over_seeds=0.05)
    alone = PairedDifference(0.1, 0.0, 0.2, 10, 0.002)
    rows = rows_of(claims_table([Verdict(CLAIM, "F1", each, "reproduced", "") for each in (corrected, alone)]))
    assert [row[4:6] for row in rows] == [["[+0.000, +0.200]", "[+0.050, +0.150]"], ["[+0.000, +0.200]", "-"]]
