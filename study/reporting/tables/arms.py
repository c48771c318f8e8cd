"""One row per arm: what it reached, beside the paper's numbers, and what its final norm learned. Pure."""

import math

from rich.table import Table

from study.evidence import MISS, Group, rates
from study.reporting.prior import lines_of, panels_of, per_1000_of
from study.reporting.tables.cells import make_table, show, show_number
from trainables.evaluation import (
    ADJUSTED,
    ADJUSTED_MAJORITY_F1,
    ADJUSTED_MINORITY_F1,
    MAJORITY_F1,
    MINORITY_F1,
    NATURAL,
    REMOVED_MAJORITY_F1,
    REMOVED_MINORITY_F1,
    metric_key,
)

F1_COLUMNS = {
    "F1 minority": MINORITY_F1,
    "F1 majority": MAJORITY_F1,
    "F1 minority, BN removed": REMOVED_MINORITY_F1,
    "F1 majority, BN removed": REMOVED_MAJORITY_F1,
}
RANKING_COLUMN = {"average precision": "test/average_precision/minority"}
ARM_COLUMNS = F1_COLUMNS | RANKING_COLUMN
ADJUSTED_COLUMNS = {  # post-hoc logit adjustment of plain networks, from the training's class shares to the test's
    "F1 minority, prior adjusted": ADJUSTED_MINORITY_F1,
    "F1 majority, prior adjusted": ADJUSTED_MAJORITY_F1,
}
PUBLISHED_COLUMNS = {"paper minority": MINORITY_F1, "paper majority": MAJORITY_F1}


def arms_table(group: Group) -> Table:
    """Returns one row per arm: F1 of both roles with 95 % intervals over seeds, the paper's numbers beside ours."""
    study = group.study
    published_columns = PUBLISHED_COLUMNS if any(arm.published for arm in study.arms) else {}
    has_adjusted = any(group.interval(arm, ADJUSTED_MINORITY_F1).n for arm in group.records)
    columns = F1_COLUMNS | (ADJUSTED_COLUMNS if has_adjusted else {}) | RANKING_COLUMN
    table = make_table(
        f"{study.name}: {study.title} ({group.shown_label})",
        ["arm", "n", *columns, *published_columns],
        text=["arm"],
        unbroken=["arm"],
    )
    for arm in study.arms:
        if arm.name not in group.records:
            continue
        ours = [show(group.interval(arm.name, metric)) for metric in columns.values()]
        published = [show_number(arm.published.get(metric)) for metric in published_columns.values()]
        table.add_row(arm.name, str(len(group.records[arm.name])), *ours, *published)
    return table


def published_table(group: Group) -> Table | None:
    """Returns one row per printed number: ours, how far it is from the paper's, whether our interval holds that."""
    table = make_table(
        "the paper's numbers beside ours",
        ["arm", "metric", "ours", "paper", "ours - paper", "paper's in our interval"],
        text=["arm", "metric", "paper's in our interval"],
    )
    for arm in group.study.arms:
        for metric, printed in arm.published.items():
            ours = group.interval(arm.name, metric)
            if not ours.n:
                continue
            is_within = "-" if math.isnan(ours.low) else "yes" if ours.low <= printed <= ours.high else "no"
            table.add_row(arm.name, metric, show(ours), show_number(printed), f"{ours.mean - printed:+.3f}", is_within)
    return table if table.row_count else None


def affine_table(group: Group) -> Table | None:
    """Returns scale a and shift b per class of every final norm, y = a s + b: what removing it takes away."""
    table = make_table(
        "final norm in evaluation, y = a s + b per class, mean over seeds",
        ["arm", "class", "a", "b"],
        text=["arm", "class"],
    )
    for arm in group.study.arms:
        if arm.name not in group.records:
            continue
        for class_name in group.configuration(arm.name).data.classes:
            scale = group.interval(arm.name, f"final-norm/scale/{class_name}")
            shift = group.interval(arm.name, f"final-norm/shift/{class_name}")
            if scale.n:
                table.add_row(arm.name, class_name, show(scale), show(shift))
    return table if table.row_count else None


CALIBRATION_COLUMNS = {  # where -> of which split
    "on the test images": "test",
    "as rare as in training": NATURAL,
    "prior adjusted": ADJUSTED,
}


def calibration_table(group: Group) -> Table | None:
    """Returns Brier score and ECE of every arm at both priors, and of plain networks with adjusted scores.

    On a balanced test set after an imbalanced training both are mostly prior shift.
    """
    if not any(group.interval(arm, metric_key(NATURAL, "brier")).n for arm in group.records):
        return None
    columns = {
        f"{title} {where}": metric_key(split, metric)
        for metric, title in (("brier", "Brier"), ("ece", "ECE"))
        for where, split in CALIBRATION_COLUMNS.items()
    }
    table = make_table("calibration", ["arm", *columns], text=["arm"], unbroken=["arm"])
    for arm in group.study.arms:
        if arm.name in group.records:
            table.add_row(arm.name, *(show(group.interval(arm.name, metric)) for metric in columns.values()))
    return table


PRIOR_COLUMNS = ("arm", "rare per 1000", "F1 minority", "F1 majority", "precision", "cost")


def prevalence_table(group: Group) -> Table | None:
    """Returns rows from as many rare as frequent test images to as few as in training; None without such a claim.

    Cost is that of 1000 images in false alarms.
    """
    table = make_table(
        f"over the test prior, so many rare to 1000 frequent; cost of 1000 images in false alarms, a miss is {MISS:g}",
        PRIOR_COLUMNS,
        text=["arm"],
        unbroken=["arm"],
    )
    for panel in panels_of(group):
        for line in lines_of(group, panel):
            for per_1000 in (1000, 100, per_1000_of(group, panel)):
                prevalence = per_1000 / (1000 + per_1000)
                runs = rates(group, line.arm, line.split).values()
                table.add_row(
                    line.label(line.arm),
                    f"{per_1000:g}",
                    show(group.interval_over(run.minority_f1(prevalence) for run in runs)),
                    show(group.interval_over(run.majority_f1(prevalence) for run in runs)),
                    show(group.interval_over(run.precision(prevalence) for run in runs)),
                    f"{group.interval_over(1000 * run.cost(prevalence) for run in runs).mean:.1f}",
                )
    return table if table.row_count else None
