"""The verdicts of all studies beside one another: adjusted for their number, beside the paper's own, and 1.0.0's. Pure.

For each claim there is one line of a study as declared or changed in one way, with what it says under the declared
values and under the paper's tool's.
"""

import csv
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from study.evidence.claims import TESTS, Verdict, judge
from study.evidence.decisions import DECISIONS, FEWEST_SEEDS, NOT_REPRODUCED, REPRODUCED, UNDECIDED, decide
from study.evidence.groups import Group, label_of, record_of_numbers
from study.evidence.statistics import PairedDifference
from study.studies import Claim, Study, family_of

LEVEL = 0.05  # of the adjusted p
STAND_IN = ("network.name", "network.weights", "network.cut")  # another backbone in the place of one not to be had

Before = Mapping[tuple[str, str, str], str]  # study, changes, claim -> verdict of 1.0.0


@dataclass(frozen=True)
class Judged:
    """A verdict under one set of defaults.

    Attributes:
        verdict: by its own interval.
        adjusted_p: of the t test, by Holm over the family; NaN for a claim that is not primary.
        answer: the verdict with the adjusted p taken into account.
        reason: of the answer.
        ratio: our effect / the paper's; NaN where it prints none.
        holds_paper: whether the paper's effect lies in our interval; None where it prints none.
    """

    verdict: Verdict
    adjusted_p: float
    answer: str
    reason: str
    ratio: float
    holds_paper: bool | None


@dataclass(frozen=True)
class ClaimRow:
    """A claim of a study with what came out under each set of defaults.

    Attributes:
        study: its name.
        changes: what differs from the declaration besides defaults and a stand-in backbone, "" for nothing.
        claim: the sentence.
        paper: the paper's effect by the claim's statistic; NaN where it prints none.
        paper_says: what the same rules say of the paper's own means; "" where it prints none.
        judged: profile ("" as declared) -> verdict.
        before: the verdict of 1.0.0, "" where it had none.
    """

    study: str
    changes: str
    claim: Claim
    paper: float
    paper_says: str
    judged: Mapping[str, Judged]
    before: str


def claim_rows(groups: Iterable[Group], before: Before | None = None) -> list[ClaimRow]:
    """Returns a row for each claim of each study and set of changes that has runs, in the order of the groups.

    Args:
        groups: of any studies and defaults.
        before: verdicts of 1.0.0.
    """
    verdicts: dict[tuple[str, str], dict[str, list[Verdict]]] = {}  # study, changes -> profile -> verdicts
    studies: dict[str, Study] = {}
    for group in groups:
        place = (group.study.name, _changes(group))
        studies[group.study.name] = group.study
        of_group = [judge(claim, group) for claim in group.study.claims if group.records.keys() & set(claim.treated)]
        verdicts.setdefault(place, {}).setdefault(group.profile, []).extend(of_group)
    adjusted = _adjusted(verdicts)
    rows = []
    for (name, changes), of_profile in verdicts.items():
        for claim in studies[name].claims:
            judged = {}
            published = published_effect(claim, studies[name])
            for profile, listed in of_profile.items():
                for verdict in listed:
                    if verdict.claim.id == claim.id:
                        p = adjusted.get((profile, name, claim.id), math.nan) if not changes else math.nan
                        judged[profile] = _judged(verdict, p, len(family_of(profile)), published)
            if judged:
                earlier = (before or {}).get((name, changes, claim.id), "")
                rows.append(ClaimRow(name, changes, claim, published, _paper_says(claim, published), judged, earlier))
    return rows


def at_both_priors(rows: Iterable[ClaimRow]) -> list[tuple[ClaimRow, ClaimRow]]:
    """Returns each H0 of a study with its P: the gain on the balanced test, and at the training prevalence."""
    by_place = {(row.study, row.changes, row.claim.id): row for row in rows}
    pairs = []
    for (study, changes, claim), row in by_place.items():
        if claim == "P" or claim.startswith("P "):
            balanced = by_place.get((study, changes, "H0" + claim[1:]))
            if balanced is not None:
                pairs.append((balanced, row))
    return pairs


def published_effect(claim: Claim, study: Study) -> float:
    """Returns a claim's statistic of the paper's printed means, NaN where it does not print all that this takes."""
    records = {}
    for arm in study.arms:
        if arm.published:
            printed = {metric: [value] for metric, value in arm.published.items()}
            records[arm.name] = {0: record_of_numbers(study, arm.name, arm.configuration, 0, printed)}
    if not (set(claim.treated) | set(claim.control)) <= records.keys():
        return math.nan
    _, difference = TESTS[claim.test](claim, Group(study, "published", records))
    return difference.mean if claim.test not in ("sooner", "spread") else math.nan


def adjust(p_values: Sequence[float]) -> list[float]:
    """Returns Holm's adjusted p of a family; a claim without a p counts as 1, so that it is never left out."""
    from statsmodels.stats.multitest import multipletests

    if not p_values:
        return []
    filled = [1.0 if math.isnan(p) else p for p in p_values]
    return [float(p) for p in multipletests(filled, LEVEL, method="holm")[1]]


def read_before(path: Path) -> Before:
    """Returns the verdicts of 1.0.0 that a CSV (study, changes, claim, verdict) holds; none where there is no file."""
    if not path.exists():
        return {}
    with path.open(newline="", encoding="utf-8") as file:
        return {(row["study"], row["changes"], row["claim"]): row["verdict"] for row in csv.DictReader(file)}


def _paper_says(claim: Claim, published: float) -> str:
    """Returns what the claim's rule says of the paper's mean, as if its interval had no width."""
    if math.isnan(published):
        return ""
    point = PairedDifference(published, published, published, FEWEST_SEEDS, math.nan)
    return "holds" if DECISIONS.get(claim.test, decide)(point)[0] == REPRODUCED else "does not hold"


def _changes(group: Group) -> str:
    besides = {name: value for name, value in group.changes.items() if name not in STAND_IN}
    return label_of(besides) if besides else ""


def _adjusted(verdicts: Mapping[tuple[str, str], Mapping[str, Sequence[Verdict]]]) -> dict[tuple[str, str, str], float]:
    """Returns {(profile, study, claim): adjusted p} of the primary claims that were judged."""
    p_of = {
        (profile, study, verdict.claim.id): verdict.t_p
        for (study, changes), of_profile in verdicts.items()
        if not changes
        for profile, listed in of_profile.items()
        for verdict in listed
    }
    adjusted = {}
    for profile in {profile for profile, _, _ in p_of}:
        members = [(profile, study, claim) for study, claim in family_of(profile)]
        for member, p in zip(members, adjust([p_of.get(member, math.nan) for member in members]), strict=True):
            if member in p_of:
                adjusted[member] = p
    return adjusted


def _judged(verdict: Verdict, adjusted_p: float, size: int, published: float) -> Judged:
    difference = verdict.difference
    ratio = difference.mean / published if published and not math.isnan(published) else math.nan
    is_within = None
    if not math.isnan(published) and not math.isnan(difference.low):
        is_within = difference.low <= published <= difference.high
    judged = Judged(verdict, adjusted_p, verdict.verdict, verdict.reason, ratio, is_within)
    is_settled_by_p = verdict.verdict == REPRODUCED or (
        verdict.verdict == NOT_REPRODUCED and verdict.claim.test not in DECISIONS
    )
    if is_settled_by_p and adjusted_p > LEVEL:  # false where it is NaN
        reason = f"{verdict.reason}, but p = {adjusted_p:.2g} when adjusted for {size} claims"
        return replace(judged, answer=UNDECIDED, reason=reason)
    return judged
