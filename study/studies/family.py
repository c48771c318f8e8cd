"""The primary claims: one for each hypothesis and study, listed once for all, so that no result chooses them.

A verdict on one of them also asks that its p, adjusted for all of the list (Holm), is at most 0.05. The list is one
family as declared, and one for the studies of each tool under that tool's defaults. Not in it: other plants, ratios and
pairs, what two tables of the paper say of the same runs (Table 1's plain and final-BN arms are Table 4's), studies that
explore (`learning-rate`), and `mechanism`, whose plan was written down before its runs (study/results/PLAN.md).
"""

from collections.abc import Mapping

from study.studies.profiles import TOOL_OF_STUDY

FAMILY: Mapping[str, tuple[str, ...]] = {
    "digits": ("H0", "P", "H0 weighted", "H0 best", "H1a", "H1b"),
    "table1": ("H0 Apple weighted", "C3 Apple"),
    "table4": ("H0 Apple", "P Apple", "H1a Apple", "H1b Apple", "C1 Apple", "C1 Apple ECE", "C2 Apple"),
    "table5": ("H0", "P", "H4", "H4 spread", "H1a", "H1b"),
    "table6": ("H5", "H5 two majorities"),
    "table7": ("H0", "P", "H6", "H0 best", "H1a", "H1b"),
    "factorial": ("H0 best",),
    "figure2a": ("H2", "H2 contrast", "H2 above", "H2b"),
    "figure2b": ("H3",),
    "weighted-bn": ("Y1 (i)", "Y2 (i)"),
    "class-balanced-bn": ("Y1 (i)",),
}


def family_of(profile: str) -> tuple[tuple[str, str], ...]:
    """Returns the (study, claim) that are judged together: all as declared (""), else those of a tool's studies."""
    return tuple(
        (study, claim)
        for study, claims in FAMILY.items()
        if not profile or TOOL_OF_STUDY.get(study) == profile
        for claim in claims
    )
