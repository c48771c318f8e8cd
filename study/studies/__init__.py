"""The registry: command-line name -> study. `paper` stands for all that repeat a table or figure of a paper."""

from collections.abc import Callable
from difflib import get_close_matches

from study.declaration import SMOKE, Study
from study.studies.digits import digits
from study.studies.table5 import table5
from study.studies.table7 import table7
from trainables.errors import ConfigurationError

DEFAULT = "digits"
PAPER = "paper"


def find(names: list[str]) -> list[Study]:
    """Returns the studies of these names, each once, in the order given; NAME-smoke is the smoke size of NAME.

    Raises:
        ConfigurationError: a name that no study has.
    """
    expanded = [name for given in names for name in (STUDIES if given == PAPER else [given])]
    for name in (name.removesuffix(SMOKE) for name in expanded):
        if name not in STUDIES:
            near = get_close_matches(name, STUDIES, n=1)
            hint = f" (did you mean {near[0]}?)" if near else ""
            raise ConfigurationError(f"unknown study {name!r}{hint}; allowed: {', '.join([*STUDIES, PAPER])}")
    return [_make(name) for name in dict.fromkeys(expanded)]


def _make(name: str) -> Study:
    return STUDIES[name.removesuffix(SMOKE)]().smoke() if name.endswith(SMOKE) else STUDIES[name]()


STUDIES: dict[str, Callable[[], Study]] = {"digits": digits, "table5": table5, "table7": table7}
