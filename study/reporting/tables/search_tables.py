"""What a search found -> tables. Pure but for the predictions that thresholds are chosen on."""

import math
from collections import Counter

from rich.table import Table

from study.evidence import Group, Robustness, SearchResult, judge_robustness
from study.reporting.tables.tables import show
from study.studies import FINAL, Values
from trainables.errors import RecordError
from trainables.evaluation import f1_at_thresholds
from trainables.storage import Record, RunFolder

RANKING = {"average precision": "test/average_precision/minority", "AUROC": "test/auroc/minority"}


def tables_of(group: Group, found: SearchResult, folder: RunFolder) -> list[Table]:
    """Returns all tables of what a search found for a group that have rows."""
    tables = (_settings_table(group, found), _robustness_table(found), _importances_table(found),
              _thresholds_table(group, folder))  # fmt: skip
    return [table for table in tables if table.row_count]


def robustness_of(found: SearchResult) -> list[Robustness]:
    """Returns the final BN against every other arm over the shared design; empty without it or with two objectives."""
    scores = {
        arm: {s.design: s.scores[0] for s in its if s.design is not None and s.state == "complete"}
        for arm, its in found.settings.items()
    }
    rivals = [arm for arm in scores if arm != FINAL] if FINAL in scores and len(found.objectives) == 1 else []
    return [judge_robustness(arm, scores[FINAL], scores[arm], found.design, found.space) for arm in rivals]


def _settings_table(group: Group, found: SearchResult) -> Table:
    table = Table(
        title="best settings by validation (F1 of the minority, mean over tuning seeds)", title_justify="left"
    )
    fields = [dimension.field for dimension in found.space]
    for name in ("arm", "key", "complete", "pruned", "failed", "score", *(field.split(".")[1] for field in fields)):
        table.add_column(name, justify="left" if name in ("arm", "key") else "right", no_wrap=True)
    for arm in group.study.arms:
        its = found.settings[arm.method]
        states = Counter(setting.state for setting in its)
        chosen = next((s for s in its if s.state == "complete" and _is(s.values, arm.configuration.flat())), None)
        numbers = (str(states[state]) for state in ("complete", "pruned", "failed"))
        scores = ", ".join(f"{score:.3f}" for score in chosen.scores) if chosen else ""
        values = (_text(arm.configuration.flat()[field]) for field in fields)
        table.add_row(arm.name, arm.configuration.key, *numbers, scores, *values)
    return table


def _robustness_table(found: SearchResult) -> Table:
    table = Table(title="final BN against each arm at the settings all arms tried (validation)", title_justify="left")
    for name in (
        "against",
        "settings",
        "ahead at",
        "share, 95 % interval",
        "verdict",
        "the gain goes with (rank correlation)",
    ):
        table.add_column(name, justify="left" if name in ("against", "verdict") else "right", no_wrap=True)
    for r in robustness_of(found):
        share = f"{r.ahead / r.settings:.2f} [{r.low:.2f}, {r.high:.2f}]" if r.settings else "-"
        table.add_row(r.control, str(r.settings), f"{r.ahead:g}", share, r.verdict, r.depends_on)
    return table


def _importances_table(found: SearchResult) -> Table:
    table = Table(title="what the score depends on, share per setting (PED-ANOVA)", title_justify="left")
    for name in ("arm", *(dimension.field.split(".")[1] for dimension in found.space)):
        table.add_column(name, justify="left" if name == "arm" else "right", no_wrap=True)
    for arm, its in found.importances.items():
        if its:
            table.add_row(arm, *(f"{its.get(dimension.field, 0):.2f}" for dimension in found.space))
    return table


def _thresholds_table(group: Group, folder: RunFolder) -> Table:
    """How much is the threshold: F1 at 1/2, at the threshold validation chose, and what no threshold changes."""
    table = Table(
        title="test F1 of the minority at 1/2 and at the threshold that validation chose", title_justify="left"
    )
    for name in ("arm", "F1 at 1/2", "F1 at chosen", "gain at 1/2", "gain at chosen", *RANKING):
        table.add_column(name, justify="left" if name == "arm" else "right", no_wrap=True)
    both = {arm: {s: _f1(r, folder) for s, r in its.items()} for arm, its in group.records.items()}
    at = [{arm: {s: f1[i] for s, f1 in its.items()} for arm, its in both.items()} for i in range(2)]
    for arm in (arm.name for arm in group.study.arms):
        gains = ["", ""]
        if arm != FINAL and FINAL in both:
            gains = [show(group.gain_over(its[FINAL], its[arm])) for its in at]
        several = (*(its[arm] for its in at), *(group.values(arm, metric) for metric in RANKING.values()))
        f1, at_chosen, *ranking = (show(group.interval_over(its.values())) for its in several)
        table.add_row(arm, f1, at_chosen, *gains, *ranking)
    return table


def _f1(record: Record, folder: RunFolder) -> tuple[float, float]:
    try:
        return f1_at_thresholds(record, folder)
    except RecordError:  # a damaged file of one run: its command does it again
        return math.nan, math.nan


def _is(values: Values, flat: Values) -> bool:
    return all(flat[field] == value for field, value in values.items())


def _text(value: object) -> str:
    return f"{value:.3g}" if isinstance(value, float) else str(value)
