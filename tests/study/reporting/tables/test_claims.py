import math

from study.evidence import PairedDifference, Verdict, decide
from study.reporting.tables import claims_table
from study.studies import Claim
from tests.support.tables import rows_of

CLAIM = Claim("H0", "it helps", "gain", ("final",), ("none",))


def test_a_row_says_the_claim_its_statistic_and_what_follows() -> None:
    decided = PairedDifference(0.1234, 0.05, 0.2, 10, 0.002)
    undecided = PairedDifference(0.1, math.nan, math.nan, 1, math.nan)
    verdicts = [Verdict(CLAIM, "F1", difference, *decide(difference)) for difference in (decided, undecided)]
    assert rows_of(claims_table(verdicts)) == [
        ["H0", "it helps", "F1", "+0.123", "[+0.050, +0.200]", "0.002", "10", verdicts[0].verdict, verdicts[0].reason],
        ["H0", "it helps", "F1", "+0.100", "-", "-", "1", verdicts[1].verdict, verdicts[1].reason],
    ]
