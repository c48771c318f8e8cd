"""Groups and verdicts -> tables. Pure: values in, rich tables or plain data out."""

import math
from collections.abc import Callable, Iterable, Sequence
from itertools import zip_longest
from typing import Any

import numpy as np
from rich.table import Table

from study.evidence import Group, Interval, Verdict
from trainables.evaluation import (
    MAJORITY_F1,
    MINORITY_F1,
    REMOVED_MAJORITY_F1,
    REMOVED_MINORITY_F1,
    minority_probability,
)

ARM_COLUMNS = {
    "F1 minority": MINORITY_F1,
    "F1 majority": MAJORITY_F1,
    "F1 minority, BN removed": REMOVED_MINORITY_F1,
    "F1 majority, BN removed": REMOVED_MAJORITY_F1,
    "average precision": "test/average_precision/minority",
}
Predictions = Callable[[str], dict[str, np.ndarray[Any, Any]] | None]  # arm -> test tensors of its first seed


def show(interval_: Interval) -> str:
    """Returns "0.889 ± 0.012", the mean alone where there is no interval, "-" where there is nothing."""
    if math.isnan(interval_.mean):
        return "-"
    return f"{interval_.mean:.3f}" + ("" if math.isnan(interval_.low) else f" ± {interval_.half_width:.3f}")


def arms_table(group: Group) -> Table:
    """Returns one row per arm: F1 of both roles with 95 % intervals over seeds, the paper's numbers beside ours."""
    study = group.study
    published = any(arm.published for arm in study.arms)
    table = Table(title=f"{study.name}: {study.title} ({group.label})", title_justify="left")
    table.add_column("arm", no_wrap=True)
    for name in ("n", *ARM_COLUMNS):
        table.add_column(name, justify="right")
    for name in ("paper minority", "paper majority") if published else ():
        table.add_column(name, justify="right")
    for arm in study.arms:
        if arm.name not in group.records:
            continue
        columns = [group.interval(arm.name, metric) for metric in ARM_COLUMNS.values()]
        paper = [_number(arm.published.get(metric)) for metric in (MINORITY_F1, MAJORITY_F1)] if published else []
        table.add_row(arm.name, str(len(group.records[arm.name])), *map(show, columns), *paper)
    return table


def published_table(group: Group) -> Table | None:
    """Returns one row per printed number that the arms' table has no column for: the paper's beside ours."""
    table = Table(title="more of the paper's numbers beside ours", title_justify="left")
    for name in ("arm", "metric", "ours", "paper"):
        table.add_column(name, justify="left" if name in ("arm", "metric") else "right", no_wrap=True)
    for arm in group.study.arms:
        for metric, printed in arm.published.items():
            ours = group.interval(arm.name, metric)
            if ours.n and metric not in (MINORITY_F1, MAJORITY_F1):
                table.add_row(arm.name, metric, show(ours), _number(printed))
    return table if table.row_count else None


def pairs_table(group: Group) -> Table | None:
    """Returns one row per pair, the paired gain of the treated arm; None where no pair has records."""
    table = Table(title="paired gain of the final BN, same seeds", title_justify="left")
    table.add_column("pair", no_wrap=True)
    for name in ("n", "gain in F1 minority", "sign-flip p", "gain in F1 majority"):
        table.add_column(name, justify="right")
    for pair in group.study.pairs:
        gains = [group.gain(pair.treated, pair.control, metric) for metric in (MINORITY_F1, MAJORITY_F1)]
        if gains[0].n:
            table.add_row(pair.name, str(gains[0].n), show(gains[0]), _number(gains[0].p), show(gains[1]))
    return table if table.row_count else None


def affine_table(group: Group) -> Table | None:
    """Returns scale a and shift b per class of every final norm, y = a s + b: what removing it takes away."""
    table = Table(title="final norm in evaluation, y = a s + b per class, mean over seeds", title_justify="left")
    for name in ("arm", "class", "a", "b"):
        table.add_column(name, justify="left" if name in ("arm", "class") else "right", no_wrap=True)
    for arm in (arm for arm in group.study.arms if arm.name in group.records):
        for name in next(iter(group.records[arm.name].values())).typed_configuration().data.classes:
            scale, shift = (group.interval(arm.name, f"final-norm/{what}/{name}") for what in ("scale", "shift"))
            if scale.n:
                table.add_row(arm.name, name, show(scale), show(shift))
    return table if table.row_count else None


def samples_table(group: Group, predictions: Predictions) -> Table | None:
    """Returns minority images side by side, P(minority) without and with the final norm, the paper's beside ours.

    Ours are the first images of the test set that the control decides wrongly, as all of the paper's are.
    """
    pair = group.study.pairs[0]
    control, treated = predictions(pair.control), predictions(pair.treated)
    if not group.study.samples or control is None or treated is None:
        return None
    without = minority_probability(group.configuration(pair.control), control["scores"])
    final = minority_probability(group.configuration(pair.treated), treated["scores"])
    is_minority = control["labels"] >= len(group.configuration(pair.control).data.majority)
    wrong = is_minority & (without < 0.5)
    chosen = np.flatnonzero(wrong)[: len(group.study.samples)]
    chosen = chosen[np.argsort(without[chosen])]
    title = f"P(minority) of minority images, {pair.control} | {pair.treated} ({int(wrong.sum())} are wrong without)"
    table = Table(title=title, title_justify="left")
    for name in ("image", "ours without", "ours with", "paper without", "paper with"):
        table.add_column(name, justify="right")
    for image, printed in zip_longest(chosen, group.study.samples):
        ours = ("", "", "") if image is None else (str(image), f"{without[image]:.4f}", f"{final[image]:.4f}")
        table.add_row(*ours, *(f"{value:.4f}" for value in printed))
    return table


def claims_table(verdicts: Iterable[Verdict]) -> Table:
    """Returns one row per claim."""
    table = Table(title="claims", title_justify="left")
    for name in ("claim", "says", "statistic", "value", "95 % interval", "p", "n", "verdict", "because"):
        table.add_column(name)
    for verdict in verdicts:
        d = verdict.difference
        bounds = "-" if math.isnan(d.low) else f"[{d.low:+.3f}, {d.high:+.3f}]"
        table.add_row(
            verdict.claim.id, verdict.claim.sentence, verdict.statistic, _number(d.mean, "+.3f"), bounds,
            _number(d.p), str(d.n), verdict.verdict, verdict.reason,
        )  # fmt: skip
    return table


def as_data(group: Group, verdicts: Sequence[Verdict]) -> dict[str, Any]:
    """Returns the same as plain data for `--format json`; undefined values are None."""
    arms = {
        arm.name: {
            "seeds": sorted(group.records[arm.name]),
            "published": dict(arm.published),
            "metrics": {m: _as_dict(group.interval(arm.name, m)) for m in _metrics(group, arm.name)},
        }
        for arm in group.study.arms
        if arm.name in group.records
    }
    claims = [
        {"claim": v.claim.id, "says": v.claim.sentence, "statistic": v.statistic, "p": _known(v.difference.p),
         "verdict": v.verdict, "because": v.reason, **_as_dict(v.difference)}
        for v in verdicts
    ]  # fmt: skip
    return {"study": group.study.name, "group": group.label, "arms": arms, "claims": claims}


def _metrics(group: Group, arm: str) -> list[str]:
    return list(next(iter(group.records[arm].values())).metrics())


def _as_dict(value: Interval) -> dict[str, float | int | None]:
    return {"mean": _known(value.mean), "low": _known(value.low), "high": _known(value.high), "n": value.n}


def _known(value: float) -> float | None:
    return None if math.isnan(value) else value


def _number(value: float | None, form: str = ".3g") -> str:
    return "" if value is None else "-" if math.isnan(value) else format(value, form)
