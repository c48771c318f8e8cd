"""What does somebody take from runs on images of their own: which arm, how good, how sure, what would make it surer?"""

from study.answers.answer import FEWEST_RARE, RIVALS, Answer, Candidate, Comparison, Surer, answer_from
from study.answers.certainty import TARGET_WIDTH, MeasuredShare
from study.answers.decisions import AS_TRAINED, RECALIBRATED, Decisions, RunDecisions, decisions_of, read_decisions
from study.answers.versions import FolderVersion, Versions, keep_version, recall_versions, what_changed

__all__ = [
    "AS_TRAINED",
    "FEWEST_RARE",
    "RECALIBRATED",
    "RIVALS",
    "TARGET_WIDTH",
    "Answer",
    "Candidate",
    "Comparison",
    "Decisions",
    "FolderVersion",
    "MeasuredShare",
    "RunDecisions",
    "Surer",
    "Versions",
    "answer_from",
    "decisions_of",
    "keep_version",
    "read_decisions",
    "recall_versions",
    "what_changed",
]
