"""What do the records say? Groups, statistics, verdicts, and data frames for those who go on by themselves."""

from study.evidence.claims import Verdict, judge
from study.evidence.decisions import (
    FEWEST_SEEDS,
    MARGIN,
    NOT_JUDGED,
    NOT_REPRODUCED,
    REPRODUCED,
    TOO_FEW,
    UNDECIDED,
    decide,
)
from study.evidence.frames import histories, predictions, results
from study.evidence.groups import AS_DECLARED, Group, as_text, change_in_words, group_records, interval_of_records
from study.evidence.prevalence import MISS, Rates, f1_at_prevalence, has_adjusted, rates, training_prevalence
from study.evidence.robustness import Robustness, groups_of_records, judge_robustness, pareto_front, tuned_groups
from study.evidence.search_results import SearchResult, Setting, State, keep_search_result, recall_search_results
from study.evidence.seed_tables import read_seed_table, write_seed_table
from study.evidence.statistics import CONFIDENCE, Interval, PairedDifference
from study.evidence.verdicts import ClaimRow, Judged, at_both_priors, claim_rows, read_before

__all__ = [
    "AS_DECLARED",
    "CONFIDENCE",
    "FEWEST_SEEDS",
    "MARGIN",
    "MISS",
    "NOT_JUDGED",
    "NOT_REPRODUCED",
    "REPRODUCED",
    "TOO_FEW",
    "UNDECIDED",
    "ClaimRow",
    "Group",
    "Interval",
    "Judged",
    "PairedDifference",
    "Rates",
    "Robustness",
    "SearchResult",
    "Setting",
    "State",
    "Verdict",
    "as_text",
    "at_both_priors",
    "change_in_words",
    "claim_rows",
    "decide",
    "f1_at_prevalence",
    "group_records",
    "groups_of_records",
    "has_adjusted",
    "histories",
    "interval_of_records",
    "judge",
    "judge_robustness",
    "keep_search_result",
    "pareto_front",
    "predictions",
    "rates",
    "read_before",
    "read_seed_table",
    "recall_search_results",
    "results",
    "training_prevalence",
    "tuned_groups",
    "write_seed_table",
]
