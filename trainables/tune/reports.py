"""What an actor and the driver tell each other of a trial: one definition of each report, read and written by both.

Tune carries a report as a flat "result" of plain values and adds entries of its own to it. `done` is Tune's own word:
a result that holds it true is the trial's last.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Self

EPOCH = "epoch"  # the entry of either report that Tune's schedulers take for the time


@dataclass(frozen=True)
class TrialReport:
    """What a trial of a study has come to.

    Attributes:
        epoch: epochs trained, 0 where the trial could not begin.
        validation_minority_f1: mean over the seeds, NaN where it is undefined.
        failures: seed -> reason, of a trial that is done.
        done: whether the trial has ended and its records are written.
    """

    epoch: int
    validation_minority_f1: float
    failures: Mapping[int, str] = field(default_factory=dict)
    done: bool = False

    def to_result(self) -> dict[str, Any]:
        """Returns Tune's form; the failures go as pairs, as Tune takes what a mapping holds for metrics."""
        return {
            EPOCH: self.epoch,
            "validation_minority_f1": self.validation_minority_f1,
            "failures": list(self.failures.items()),
            "done": self.done,
        }

    @classmethod
    def from_result(cls, result: Mapping[str, Any]) -> Self:
        """Reads what `to_result` wrote."""
        return cls(result[EPOCH], result["validation_minority_f1"], dict(result["failures"]), result["done"])


@dataclass(frozen=True)
class SearchReport:
    """What a trial of a search has come to. An objective of a search has the name of the field that reports it.

    Attributes:
        epoch: epochs trained, 0 where the trial could not begin.
        minority_f1: the search's validation F1 of the minority, mean over the tuning seeds; NaN where a seed failed.
        latency: of the network in ms, None where it was not measured.
        reason: why the trial failed, empty where it did not.
        done: whether the trial has ended.
    """

    epoch: int
    minority_f1: float
    latency: float | None = None
    reason: str = ""
    done: bool = False

    @classmethod
    def failed(cls, epoch: int, reason: str) -> Self:
        """Returns the last report of a trial that failed."""
        return cls(epoch, math.nan, reason=reason, done=True)

    def objective(self, name: str) -> float:
        """Returns the value of an objective, NaN where there is none."""
        return {"minority_f1": self.minority_f1, "latency": math.nan if self.latency is None else self.latency}[name]

    def to_result(self) -> dict[str, Any]:
        """Returns Tune's form, without a latency that was not measured."""
        result = {EPOCH: self.epoch, "minority_f1": self.minority_f1, "reason": self.reason, "done": self.done}
        return result if self.latency is None else {**result, "latency": self.latency}

    @classmethod
    def from_result(cls, result: Mapping[str, Any]) -> Self:
        """Reads what `to_result` wrote."""
        return cls(result[EPOCH], result["minority_f1"], result.get("latency"), result["reason"], result["done"])
