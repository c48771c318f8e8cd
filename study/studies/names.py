"""What a study is called on the command line and in the run folder, taken apart."""

from dataclasses import dataclass, replace
from typing import Literal

_SMOKE = "-smoke"
# by the number of objectives of the search; the longer one first, because it ends like the other
_SEARCHES: dict[Literal["several", "one"], str] = {"several": "-pareto-tuned", "one": "-tuned"}


@dataclass(frozen=True)
class StudyName:
    """The name of a study, of its smoke size, or of the study that a search of either made.

    "digits-smoke-pareto-tuned" is StudyName("digits", smoke=True, search="several"); `str` makes the text of it again.

    Attributes:
        base: the study's name in the registry.
        smoke: whether it is the smoke size.
        search: how many objectives the search had that tuned its arms; "" where no search did.
    """

    base: str
    smoke: bool = False
    search: Literal["", "one", "several"] = ""

    @classmethod
    def parse(cls, text: str) -> "StudyName":
        """Returns a name taken apart; whether there is a study of that base is for the registry to say."""
        search = next((search for search, suffix in _SEARCHES.items() if text.endswith(suffix)), None)
        untuned = text.removesuffix(_SEARCHES[search]) if search else text
        return cls(untuned.removesuffix(_SMOKE), untuned.endswith(_SMOKE), search or "")

    def __str__(self) -> str:
        """Returns what `parse` reads."""
        return f"{self.base}{_SMOKE if self.smoke else ''}{_SEARCHES[self.search] if self.search else ''}"

    def tuned(self, num_objectives: int) -> "StudyName":
        """Returns the name of the study that a search of this one makes: "digits" -> "digits-tuned"."""
        return replace(self, search="one" if num_objectives == 1 else "several")

    @property
    def untuned(self) -> "StudyName":
        """The name of the study that was searched: "digits-tuned" -> "digits"; its own where none was."""
        return replace(self, search="")
