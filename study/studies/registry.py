"""The registry: command-line name -> study. `paper` stands for all that repeat a table or figure of a paper."""

from collections.abc import Callable, Iterable
from difflib import get_close_matches

from study.studies.declaration import Study
from study.studies.k21.factorial import factorial
from study.studies.k21.figure1 import figure1
from study.studies.k21.figure2a import figure2a
from study.studies.k21.figure2b import figure2b
from study.studies.k21.plantvillage38 import plantvillage38
from study.studies.k21.table1 import table1
from study.studies.k21.table4 import table4
from study.studies.k21.table5 import table5
from study.studies.k21.table6 import table6
from study.studies.k21.table7 import table7
from study.studies.names import StudyName
from study.studies.ours.defaults import defaults
from study.studies.ours.digits import digits
from study.studies.ours.images import images
from study.studies.ours.learning_rate import learning_rate
from study.studies.ours.mechanism import mechanism
from study.studies.ours.tuned import tuned_study
from study.studies.own_arms import with_own_arms
from study.studies.y19.class_balanced_bn import class_balanced_bn
from study.studies.y19.weighted_bn import weighted_bn
from trainables.common import ConfigurationError

DEFAULT = "digits"
PAPER = "paper"
OWN = "images"  # somebody's own folder; no part of `paper`


def find(names: list[str]) -> list[Study]:
    """Returns the studies of these names, each once, in the order given.

    NAME-smoke is the smoke size of NAME; NAME-tuned is what `study.search NAME` found, its arms are in its records.

    Raises:
        ConfigurationError: a name that no study has.
    """
    expanded = [name for given in names for name in (_of_the_papers() if given == PAPER else [given])]
    parsed = [StudyName.parse(name) for name in dict.fromkeys(expanded)]
    for base in (name.base for name in parsed if name.base not in STUDIES):
        near = get_close_matches(base, STUDIES, n=1)
        hint = f" (did you mean {near[0]}?)" if near else ""
        raise ConfigurationError(f"unknown study {base!r}{hint}; allowed: {', '.join([*STUDIES, PAPER])}")
    return [_make(name) for name in parsed]


def names_of_studies(names: Iterable[str]) -> list[str]:
    """Returns those of the names that are a study's, in the order of the registry, whatever order they came in.

    What was made of a study stands behind it: of "old", "table1", "digits-tuned" and "digits", the names of a run
    folder, "digits", "digits-tuned" and "table1" are left.
    """
    order = list(STUDIES)
    bases = {name: StudyName.parse(name).base for name in names}
    return sorted(
        (name for name, base in bases.items() if base in order), key=lambda name: (order.index(bases[name]), name)
    )


def _of_the_papers() -> list[str]:
    return [name for name in STUDIES if name not in (OWN, "defaults", "mechanism")]


def _make(name: StudyName) -> Study:
    if name.search:
        return tuned_study(str(name), {})
    declared = STUDIES[name.base]()
    if name.base in (DEFAULT, OWN):
        declared = with_own_arms(declared)
    return declared.smoke() if name.smoke else declared


STUDIES: dict[str, Callable[[], Study]] = {
    "digits": digits,
    "factorial": factorial,
    "table1": table1,
    "figure1": figure1,
    "table4": table4,
    "figure2a": figure2a,
    "figure2b": figure2b,
    "table5": table5,
    "table6": table6,
    "table7": table7,
    "plantvillage38": plantvillage38,
    "weighted-bn": weighted_bn,
    "class-balanced-bn": class_balanced_bn,
    "learning-rate": learning_rate,
    "defaults": defaults,
    "mechanism": mechanism,
    OWN: images,
}
