"""Groups and verdicts -> tables. Pure: values in, rich tables or plain data out."""

import math
from collections.abc import Iterable, Sequence
from typing import Any

from rich.console import Console
from rich.table import Table

from study.claims import Verdict
from study.declaration import MAJORITY_F1, MINORITY_F1, REMOVED_MINORITY_F1
from study.groups import Group
from study.statistics import Interval, interval, paired_difference

AVERAGE_PRECISION = "test/average_precision/minority"
WIDE = 240  # columns of a table that goes to a file or a pipe: never cut


def console() -> Console:
    """Returns a console that cuts nothing when its output is not a terminal."""
    plain = Console(emoji=False, markup=False)
    return plain if plain.is_terminal else Console(width=WIDE, emoji=False, markup=False)


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
    for name in ("n", "F1 minority", "F1 majority", "F1 minority, BN removed", "average precision"):
        table.add_column(name, justify="right")
    for name in ("paper minority", "paper majority") if published else ():
        table.add_column(name, justify="right")
    for arm in study.arms:
        if arm.name not in group.records:
            continue
        columns = [interval(list(group.values(arm.name, metric).values()))
                   for metric in (MINORITY_F1, MAJORITY_F1, REMOVED_MINORITY_F1, AVERAGE_PRECISION)]  # fmt: skip
        paper = [_number(arm.published.get(metric)) for metric in (MINORITY_F1, MAJORITY_F1)] if published else []
        table.add_row(arm.name, str(columns[0].n), *map(show, columns), *paper)
    return table


def pairs_table(group: Group) -> Table | None:
    """Returns one row per pair, the paired gain of the treated arm; None where no pair has records."""
    table = Table(title="paired gain of the final BN, same seeds", title_justify="left")
    table.add_column("pair", no_wrap=True)
    for name in ("n", "gain in F1 minority", "sign-flip p", "gain in F1 majority"):
        table.add_column(name, justify="right")
    for pair in group.study.pairs:
        gains = [
            paired_difference(group.values(pair.treated, metric), group.values(pair.control, metric))
            for metric in (MINORITY_F1, MAJORITY_F1)
        ]
        if gains[0].n:
            table.add_row(pair.name, str(gains[0].n), show(gains[0]), _number(gains[0].p), show(gains[1]))
    return table if table.row_count else None


def affine_table(group: Group) -> Table | None:
    """Returns scale a and shift b per class of every final norm, y = a s + b: what removing it takes away."""
    table = Table(title="final norm in evaluation, y = a s + b per class, mean over seeds", title_justify="left")
    for name in ("arm", "class", "a", "b"):
        table.add_column(name, justify="left" if name in ("arm", "class") else "right", no_wrap=True)
    for arm in group.study.arms:
        for name in arm.configuration.data.classes:
            scale, shift = (
                interval(list(group.values(arm.name, f"final-norm/{what}/{name}").values()))
                for what in ("scale", "shift")
            )
            if scale.n:
                table.add_row(arm.name, name, show(scale), show(shift))
    return table if table.row_count else None


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
            "metrics": {
                m: _as_dict(interval(list(group.values(arm.name, m).values()))) for m in _metrics(group, arm.name)
            },
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
