"""What do the records say? Pure: groups, statistics, verdicts."""

from study.evidence.claims import (
    MARGIN,
    NOT_JUDGED,
    NOT_REPRODUCED,
    REPRODUCED,
    TOO_FEW,
    UNDECIDED,
    Verdict,
    decide,
    judge,
)
from study.evidence.groups import AS_DECLARED, Group, as_text, group_records, interval_of_records
from study.evidence.robustness import Robustness, judge_robustness, pareto_front, tuned_groups
from study.evidence.search_results import SearchResult, Setting, State, keep_search_result, recall_search_results
from study.evidence.statistics import Interval, PairedDifference

__all__ = [
    "AS_DECLARED",
    "MARGIN",
    "NOT_JUDGED",
    "NOT_REPRODUCED",
    "REPRODUCED",
    "TOO_FEW",
    "UNDECIDED",
    "Group",
    "Interval",
    "PairedDifference",
    "Robustness",
    "SearchResult",
    "Setting",
    "State",
    "Verdict",
    "as_text",
    "decide",
    "group_records",
    "interval_of_records",
    "judge",
    "judge_robustness",
    "keep_search_result",
    "pareto_front",
    "recall_search_results",
    "tuned_groups",
]
