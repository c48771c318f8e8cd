"""A group and its verdicts as plain data, for programs that read what the tables show people. Pure."""

import math
from collections.abc import Sequence
from typing import Any

from study.answers import Answer
from study.evidence import Group, Interval, Verdict


def as_data(group: Group, verdicts: Sequence[Verdict], answer: Answer | None = None) -> dict[str, Any]:
    """Returns every metric of every arm, every verdict, and the answer if any, for JSON; undefined values are None."""
    arms = {
        arm.name: {
            "seeds": sorted(group.records[arm.name]),
            "published": dict(arm.published),
            "metrics": _metrics(group, arm.name),
        }
        for arm in group.study.arms
        if arm.name in group.records
    }
    return {
        "study": group.study.name,
        "group": group.label,
        "arms": arms,
        "claims": [_verdict(verdict) for verdict in verdicts],
        **({} if answer is None else {"answer": answer.as_data()}),
    }


def _metrics(group: Group, arm: str) -> dict[str, dict[str, float | int | None]]:
    """Returns {name: interval} of the metrics that an arm's first run measured."""
    return {metric: _interval(group.interval(arm, metric)) for metric in group.first_record(arm).metrics()}


def _verdict(verdict: Verdict) -> dict[str, Any]:
    return {
        "claim": verdict.claim.id,
        "says": verdict.claim.sentence,
        "statistic": verdict.statistic,
        "p": _or_none(verdict.difference.p),
        "t_p": _or_none(verdict.t_p),
        "half_width_over_seeds": _or_none(verdict.difference.half_width_over_seeds),
        "verdict": verdict.verdict,
        "because": verdict.reason,
        **_interval(verdict.difference),
    }


def _interval(interval: Interval) -> dict[str, float | int | None]:
    return {
        "mean": _or_none(interval.mean),
        "low": _or_none(interval.low),
        "high": _or_none(interval.high),
        "n": interval.n,
    }


def _or_none(value: float) -> float | None:
    return value if math.isfinite(value) else None
