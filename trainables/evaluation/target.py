"""What a decision threshold is chosen for: the best F1, a recall or a precision to reach, or the least cost."""

from dataclasses import dataclass
from typing import Literal

from trainables.common import ConfigurationError

F1, RECALL, PRECISION, COST = "f1", "recall", "precision", "cost"


@dataclass(frozen=True)
class Target:
    """What the decision for the rare role is to do.

    Attributes:
        kind: f1 (the best there is), recall or precision (at least `least`), cost (the least there is).
        least: recall or precision to reach, above 0 and up to 1; 0 for the other kinds.
        miss: cost of a rare image that is not found, of any unit.
        alarm: cost of a frequent image that is taken for rare, in the same unit.
        prevalence: share of rare images where the network is to decide, between 0 and 1; None: as it is tested.

    Raises:
        ConfigurationError: a number outside of what is allowed.
    """

    kind: Literal["f1", "recall", "precision", "cost"] = "f1"
    least: float = 0.0
    miss: float = 1.0
    alarm: float = 1.0
    prevalence: float | None = None

    def __post_init__(self) -> None:
        if self.kind in (RECALL, PRECISION) and not 0 < self.least <= 1:
            raise ConfigurationError(f"--target {self.kind}={self.least:g}: above 0 and up to 1 is allowed")
        for name, cost in ((name, getattr(self, name)) for name in ("miss", "alarm")):
            if not 0 < cost < float("inf"):
                raise ConfigurationError(f"--cost {name}={cost:g}: a number above 0 is allowed")
        if self.prevalence is not None and not 0 < self.prevalence < 1:
            raise ConfigurationError(
                f"--prevalence {self.prevalence:g}: a share between 0 and 1 is allowed, as in 0.001"
            )

    @property
    def text(self) -> str:
        """Such as "recall=0.95" or "cost miss=10,alarm=1, prevalence 0.001"."""
        costs = f"cost miss={self.miss:g},alarm={self.alarm:g}"
        wanted = {F1: "best F1", COST: costs}.get(self.kind, f"{self.kind}={self.least:g}")
        return wanted if self.prevalence is None else f"{wanted}, prevalence {self.prevalence:g}"
