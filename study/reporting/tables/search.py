"""What a search found -> tables. Pure but for the predictions that thresholds are chosen on."""

import math
from collections import Counter
from collections.abc import Sequence

from rich.table import Table

from study.evidence import Group, Robustness, SearchResult, Setting, judge_robustness
from study.reporting.tables.cells import make_table, show
from study.studies import FINAL, Values
from trainables.common import RecordError
from trainables.evaluation import f1_at_thresholds
from trainables.storage import PREDICTIONS, Record, RunFolder

RANKING = {"average precision": "test/average_precision/minority", "AUROC": "test/auroc/minority"}


def search_tables(group: Group, search: SearchResult, folder: RunFolder) -> list[Table]:
    """Returns all tables of what a search found for a group that have rows."""
    tables = (
        _settings_table(group, search),
        _robustness_table(search),
        _importances_table(search),
        _thresholds_table(group, folder),
    )
    return [table for table in tables if table.row_count]


def robustness_of(search: SearchResult) -> list[Robustness]:
    """Returns the final BN against every other arm over the shared design; empty without it or with two objectives."""
    if FINAL not in search.settings or len(search.objectives) > 1:
        return []
    scores = {arm: search.scores_over_design(arm) for arm in search.settings}
    return [
        judge_robustness(arm, scores[FINAL], scores[arm], search.design, search.space) for arm in scores if arm != FINAL
    ]


def _settings_table(group: Group, search: SearchResult) -> Table:
    fields = [dimension.field for dimension in search.space]
    table = make_table(
        "best settings by validation (F1 of the minority, mean over tuning seeds)",
        ["arm", "key", "complete", "pruned", "failed", "score", *map(_short, fields)],
        text=["arm", "key"],
    )
    for arm in group.study.arms:
        settings = search.settings[arm.method]
        flat = arm.configuration.flat()
        states = Counter(setting.state for setting in settings)
        table.add_row(
            arm.name,
            arm.configuration.key,
            *(str(states[state]) for state in ("complete", "pruned", "failed")),
            ", ".join(f"{score:.3f}" for score in _scores_of_values(settings, flat)),
            *(_text(flat[field]) for field in fields),
        )
    return table


def _scores_of_values(settings: Sequence[Setting], flat: Values) -> tuple[float, ...]:
    """Returns the scores of the first complete setting that a flat configuration was made from; () where none was."""
    for setting in settings:
        if setting.state == "complete" and all(flat[field] == value for field, value in setting.values.items()):
            return setting.scores
    return ()


def _robustness_table(search: SearchResult) -> Table:
    table = make_table(
        "final BN against each arm at the settings all arms tried (validation)",
        [
            "against",
            "settings",
            "ahead at",
            "share, 95 % interval",
            "verdict",
            "the gain goes with (rank correlation)",
        ],
        text=["against", "verdict"],
    )
    for robustness in robustness_of(search):
        share = "-"
        if robustness.settings:
            share = f"{robustness.ahead / robustness.settings:.2f} [{robustness.low:.2f}, {robustness.high:.2f}]"
        table.add_row(
            robustness.control,
            str(robustness.settings),
            f"{robustness.ahead:g}",
            share,
            robustness.verdict,
            robustness.depends_on,
        )
    return table


def _importances_table(search: SearchResult) -> Table:
    fields = [dimension.field for dimension in search.space]
    table = make_table(
        "what the score depends on, share per setting (PED-ANOVA)", ["arm", *map(_short, fields)], text=["arm"]
    )
    for arm, importances in search.importances.items():
        if importances:
            table.add_row(arm, *(f"{importances.get(field, 0):.2f}" for field in fields))
    return table


def _thresholds_table(group: Group, folder: RunFolder) -> Table:
    """How much is the threshold: F1 at 1/2, at the threshold validation chose, and what no threshold changes."""
    table = make_table(
        "test F1 of the minority at 1/2 and at the threshold that validation chose",
        ["arm", "F1 at 1/2", "F1 at chosen", "gain at 1/2", "gain at chosen", *RANKING],
        text=["arm"],
    )
    at_half: dict[str, dict[int, float]] = {}  # arm -> seed -> F1
    at_chosen: dict[str, dict[int, float]] = {}
    for arm, records in group.records.items():
        f1 = {seed: _f1_at_thresholds(record, folder) for seed, record in records.items()}
        at_half[arm] = {seed: half for seed, (half, _) in f1.items()}
        at_chosen[arm] = {seed: chosen for seed, (_, chosen) in f1.items()}
    for arm in (arm.name for arm in group.study.arms):
        gains = ["", ""]
        if arm != FINAL and FINAL in group.records:
            gains = [show(group.gain_over(f1[FINAL], f1[arm])) for f1 in (at_half, at_chosen)]
        table.add_row(
            arm,
            *(show(group.interval_over(f1[arm].values())) for f1 in (at_half, at_chosen)),
            *gains,
            *(show(group.interval(arm, metric)) for metric in RANKING.values()),
        )
    return table


def _f1_at_thresholds(record: Record, folder: RunFolder) -> tuple[float, float]:
    try:
        return f1_at_thresholds(record, folder)
    except RecordError as error:  # a damaged file of one run: its command does it again
        folder.left_out[f"{record.study}/{record.key}/seed-{record.seed}/{PREDICTIONS}"] = str(error)
        return math.nan, math.nan


def _short(field: str) -> str:
    return field.split(".")[1]


def _text(value: object) -> str:
    return f"{value:.3g}" if isinstance(value, float) else str(value)
