"""Which studies are there, and what does each declare?"""

from study.studies.arms import ADJUSTED, COMBINED, FINAL, NONE, WEIGHTED_LOSS, removal_claims
from study.studies.declaration import (
    Arm,
    Claim,
    Pair,
    Study,
    in_words,
)
from study.studies.family import family_of
from study.studies.names import StudyName
from study.studies.ours.defaults import Step
from study.studies.ours.defaults import steps as steps_of_defaults
from study.studies.ours.images import SHARE, UNNAMED
from study.studies.ours.tuned import name_of_point, tuned_study
from study.studies.own_arms import with_fingerprint
from study.studies.profiles import DECLARED, profile_of, tool_of, under_defaults
from study.studies.profiles import NAMES as DEFAULTS
from study.studies.registry import DEFAULT, OWN, PAPER, STUDIES, find, names_of_studies
from study.studies.search_space import (
    NUISANCES,
    OBJECTIVES,
    SEARCH_ARMS,
    TELLS_ARMS_APART,
    Choice,
    Dimension,
    Direction,
    Range,
    Values,
    base_of_search,
    search_arms,
    space_of,
)

__all__ = [
    "ADJUSTED",
    "COMBINED",
    "DECLARED",
    "DEFAULT",
    "DEFAULTS",
    "FINAL",
    "NONE",
    "NUISANCES",
    "OBJECTIVES",
    "OWN",
    "PAPER",
    "SEARCH_ARMS",
    "SHARE",
    "STUDIES",
    "TELLS_ARMS_APART",
    "UNNAMED",
    "WEIGHTED_LOSS",
    "Arm",
    "Choice",
    "Claim",
    "Dimension",
    "Direction",
    "Pair",
    "Range",
    "Step",
    "Study",
    "StudyName",
    "Values",
    "base_of_search",
    "family_of",
    "find",
    "in_words",
    "name_of_point",
    "names_of_studies",
    "profile_of",
    "removal_claims",
    "search_arms",
    "space_of",
    "steps_of_defaults",
    "tool_of",
    "tuned_study",
    "under_defaults",
    "with_fingerprint",
]
