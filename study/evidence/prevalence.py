"""What arms are worth where the rare class is as rare as one says, from two shares of every run. Pure.

symbol  meaning
s       share of the minority's test images that is found, its recall
f       share of the majority's that is taken for the minority
pi      share of the minority where the network is to decide, its prevalence or prior
c       what a missed minority image costs, in false alarms

    precision   = pi s / (pi s + (1 - pi) f)
    F1 minority = 2 pi s / (pi s + (1 - pi) f + pi)
    F1 majority = 2 (1 - pi) (1 - f) / ((1 - pi) (1 - f) + pi (1 - s) + (1 - pi))
    cost        = c pi (1 - s) + (1 - pi) f                                                     of an image, expected

s and f do not depend on how frequent the classes are among the test images, so that those of a balanced test set serve
for every prevalence, as long as images of a class look alike wherever it is rare (label shift).
"""

import math
from dataclasses import dataclass

from study.evidence.groups import Group
from trainables.configuration import Data
from trainables.evaluation import ADJUSTED, metric_key

MISS = 10.0  # false alarms that a missed minority image is worth, unless one says otherwise


@dataclass(frozen=True)
class Rates:
    """The two shares of one run that decide what it is worth at a prevalence; NaN where a role has no images."""

    found: float
    alarms: float

    def precision(self, prevalence: float) -> float:
        """Returns the share of the images taken for the minority that are; 0 where none is taken for it."""
        taken_for_it = prevalence * self.found + (1 - prevalence) * self.alarms
        return 0.0 if taken_for_it == 0 else prevalence * self.found / taken_for_it

    def minority_f1(self, prevalence: float) -> float:
        """Returns the F1 of the minority."""
        taken_for_it = prevalence * self.found + (1 - prevalence) * self.alarms
        return 2 * prevalence * self.found / (taken_for_it + prevalence)

    def majority_f1(self, prevalence: float) -> float:
        """Returns the F1 of the majority."""
        taken_for_it = (1 - prevalence) * (1 - self.alarms) + prevalence * (1 - self.found)
        return 2 * (1 - prevalence) * (1 - self.alarms) / (taken_for_it + 1 - prevalence)

    def cost(self, prevalence: float, miss: float = MISS) -> float:
        """Returns the expected cost of an image, in false alarms."""
        return miss * prevalence * (1 - self.found) + (1 - prevalence) * self.alarms


def rates(group: Group, arm: str, split: str = "test") -> dict[int, Rates]:
    """Returns {seed: its shares}; empty where an arm has no records or more than one class in a role.

    A record does not say which role's class an image is taken for.

    Args:
        group: of the runs.
        arm: of the group.
        split: "test", "test-removed" without the final norm, or ADJUSTED where `group` has that of its plain networks.
    """
    if len(group.configuration(arm).data.classes) != 2:
        return {}
    found = group.values(arm, metric_key(split, "recall", "minority"))
    kept = group.values(arm, metric_key(split, "recall", "majority"))
    return {seed: Rates(found[seed], 1 - kept[seed]) for seed in found.keys() & kept.keys()}


def has_adjusted(group: Group, arm: str) -> bool:
    """Whether an arm's records say what it is with its scores adjusted to the test images' prior."""
    return any(not math.isnan(run.found) for run in rates(group, arm, ADJUSTED).values())


def training_prevalence(data: Data) -> float:
    """Returns the minority's share of the training images of two classes; NaN where their counts are not numbers."""
    return data.ratio / (1 + data.ratio)


def f1_at_prevalence(group: Group, arm: str, prevalence: float | None = None) -> dict[int, float]:
    """Returns {seed: the minority's F1} were this share of the test images of the minority.

    Args:
        group: of the runs.
        arm: with one class in each role; {} is returned for others.
        prevalence: None is that of the training images; NaN is returned where their counts are not given as numbers.
    """
    if prevalence is None:
        prevalence = training_prevalence(group.configuration(arm).data)
    return {seed: run.minority_f1(prevalence) for seed, run in rates(group, arm).items()}
