"""How many images of the rare role are found, and how many others are taken for one: whole images, no shares."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Confusion:
    """Counts of decisions, the classes of a role taken as one.

    Undefined cases are those of metrics.py: precision is 0 where nothing was taken for rare, recall and F1 are NaN
    where nothing is rare.

    Attributes:
        found: rare images that are taken for rare.
        rare: rare images.
        alarms: frequent images that are taken for rare.
        frequent: frequent images.
    """

    found: int
    rare: int
    alarms: int
    frequent: int

    def __add__(self, other: "Confusion") -> "Confusion":
        """Returns the counts of both together."""
        return Confusion(
            self.found + other.found,
            self.rare + other.rare,
            self.alarms + other.alarms,
            self.frequent + other.frequent,
        )

    @property
    def recall(self) -> float:
        """The share of the rare images that is found."""
        return self.found / self.rare if self.rare else float("nan")

    @property
    def precision(self) -> float:
        """The share of rare images among those taken for rare."""
        return self.found / (self.found + self.alarms) if self.found else 0.0

    @property
    def f1(self) -> float:
        """The harmonic mean of precision and recall: 2 found / (rare + found + alarms)."""
        return 2 * self.found / (self.rare + self.found + self.alarms) if self.rare else float("nan")
