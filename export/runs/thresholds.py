"""Which decision thresholds does validation choose for a run, and what does a file say of the one inside it?"""

import json
from contextlib import suppress
from dataclasses import asdict, dataclass

import numpy as np
import numpy.typing as npt

from export.runs.files import json_ready
from export.runs.names import RECALIBRATED, TARGET
from export.runs.trained_network import TrainedRun
from export.verification import Verification
from trainables.evaluation import (
    OperatingPoint,
    Target,
    UnreachableError,
    choose_operating_point,
    lead_of,
    odds_for,
    point_of_counts,
    shift_to,
)


@dataclass(frozen=True)
class Threshold:
    """A threshold of a run's scores, chosen on its validation images.

    Attributes:
        name: what a file that decides there is called, behind the name of the file that it was made from.
        target: what it was chosen for.
        chosen: what it does on the validation images.
    """

    name: str
    target: Target
    chosen: OperatingPoint

    def shift(self, run: TrainedRun) -> npt.NDArray[np.float64]:
        """Returns what to add to the class scores, (classes,)."""
        data = run.configuration.data
        return shift_to(self.chosen.threshold, len(data.majority), len(data.classes))

    def tested(self, measured: Verification, run: TrainedRun) -> OperatingPoint:
        """Returns what a file that decides there does on the test images."""
        num_majority = len(run.configuration.data.majority)
        return point_of_counts(np.array(measured.confusion), num_majority, self.chosen.odds)

    def metadata(self, measured: Verification, run: TrainedRun) -> dict[str, str]:
        """Returns what a file says of its threshold: in words, and in numbers; no test of images that it trained on."""
        content: dict[str, object] = {
            "target": self.target.text,
            "confidence": self.chosen.confidence,
            "odds": self.chosen.odds,
            "validation": _as_data(self.chosen),
        }
        if run.has_test_images:
            content["test"] = _as_data(self.tested(measured, run))
        return {
            "target": self.target.text,
            "threshold": f"{self.chosen.probability:.6g}",
            "operating_point": json.dumps(json_ready(content)),
        }


def thresholds_of(run: TrainedRun, removed: bool, target: Target | None) -> list[Threshold]:
    """Returns the thresholds that validation chooses; none where it lacks images of a role.

    Args:
        run: whose scores they are of.
        removed: whether its final norm is taken off.
        target: what a further one is chosen for, left out where no threshold reaches it; None for none.
    """
    data = run.configuration.data
    scores = run.predictions.get(f"validation{'-removed' if removed else ''}/scores")
    labels = run.predictions.get("validation/labels")
    if scores is None or labels is None or not data.minority:
        return []
    is_minority = labels >= len(data.majority)
    if is_minority.all() or not is_minority.any():
        return []
    lead = lead_of(scores, len(data.majority))
    wanted = {RECALIBRATED: Target()} | ({} if target is None else {TARGET: target})
    thresholds = []
    for name, goal in wanted.items():
        with suppress(UnreachableError):
            chosen = choose_operating_point(lead, is_minority, goal, odds_for(goal, data, is_minority))
            thresholds.append(Threshold(name, goal, chosen))
    return thresholds


def _as_data(point: OperatingPoint) -> dict[str, object]:
    counts = {name: getattr(point, name) for name in ("found", "missed", "alarms", "passed")}
    return {**counts, "recall": asdict(point.recall), "precision": asdict(point.precision)}
