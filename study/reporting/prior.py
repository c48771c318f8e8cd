"""Which arms table and figure over the test prior show: those of the claims at the training prevalence. Pure."""

from dataclasses import dataclass

from study.evidence import Group, has_adjusted, rates, training_prevalence
from study.studies import Claim
from trainables.evaluation import ADJUSTED, F1_AT_TRAINING_PREVALENCE

WEIGHTED_LOSS = "weighted loss"  # the method, as studies call it


@dataclass(frozen=True)
class Line:
    """One arm, as it decides or with its scores adjusted to a balanced test."""

    arm: str
    split: str
    kind: str  # "control", "adjusted", "weighted" or "treated"

    def label(self, of_arm: str) -> str:
        """Returns what a reader calls it: an arm's name or method, and whether it is adjusted."""
        return f"{of_arm}, adjusted to 1:1" if self.split == ADJUSTED else of_arm


def panels_of(group: Group) -> list[Claim]:
    """Returns the claims at the training prevalence of one arm against another, of which the group has runs."""
    return [
        claim
        for claim in group.study.claims
        if claim.metric == F1_AT_TRAINING_PREVALENCE
        and len(claim.treated) == len(claim.control) == 1
        and group.records.keys() >= {*claim.treated, *claim.control}
        and per_1000_of(group, claim) > 0
        and rates(group, claim.treated[0])
    ]


def per_1000_of(group: Group, panel: Claim) -> float:
    """Returns the minority's training images to 1000 of the majority; NaN where they are not given as numbers."""
    prevalence = training_prevalence(group.configuration(panel.treated[0]).data)
    return round(1000 * prevalence / (1 - prevalence), 3)


def lines_of(group: Group, panel: Claim) -> list[Line]:
    """Returns the control, it with adjusted scores, a weighted loss where the study has one there, and the treated."""
    (treated,), (control,) = panel.treated, panel.control
    lines = [Line(control, "test", "control")]
    if has_adjusted(group, control):
        lines.append(Line(control, ADJUSTED, "adjusted"))
    cell = group.study.arm(control).cell
    weighted = (arm.name for arm in group.study.arms if arm.cell == cell and arm.method == WEIGHTED_LOSS)
    lines += [Line(arm, "test", "weighted") for arm in weighted if arm in group.records]
    return [*lines, Line(treated, "test", "treated")]
