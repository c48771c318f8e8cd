"""What a silent default does to F1: the paired difference of the two arms of a step. Pure."""

from dataclasses import dataclass

from study.evidence import Group, PairedDifference
from study.studies import DECLARED, steps_of_defaults
from trainables.evaluation import MAJORITY_F1, MINORITY_F1

LEAST = 0.05  # in mean F1: a default decides where its whole interval is further from 0


@dataclass(frozen=True)
class Effect:
    """What the tool's value of a default does to the mean F1 of both classes, against ours.

    Attributes:
        data, default, method: as a step says.
        alone: with all else as declared.
        within: with all else as the tool has it.
    """

    data: str
    default: str
    method: str
    alone: PairedDifference
    within: PairedDifference

    @property
    def decides(self) -> str:
        """Returns where it does: "alone", "within the tool's", "both ways", or ""."""
        alone, within = (effect.low > LEAST or effect.high < -LEAST for effect in (self.alone, self.within))
        return "both ways" if alone and within else "alone" if alone else "within the tool's" if within else ""


def effects_of(group: Group) -> list[Effect]:
    """Returns the effect of every default of which the group has runs of two arms; empty for another study's group."""
    if group.study.name_parts.base != "defaults":
        return []
    changes: dict[tuple[str, str, str], dict[bool, PairedDifference]] = {}
    for step in steps_of_defaults():
        difference = group.gain_over(_mean_f1(group, step.tools), _mean_f1(group, step.ours))
        changes.setdefault((step.data, step.default, step.method), {})[step.start == DECLARED] = difference
    effects = [Effect(*names, alone=both_ways[True], within=both_ways[False]) for names, both_ways in changes.items()]
    return [effect for effect in effects if effect.alone.n or effect.within.n]


def _mean_f1(group: Group, arm: str) -> dict[int, float]:
    """Returns {seed: mean F1 of both classes}."""
    minority, majority = group.values(arm, MINORITY_F1), group.values(arm, MAJORITY_F1)
    return {seed: (minority[seed] + majority[seed]) / 2 for seed in minority.keys() & majority.keys()}
