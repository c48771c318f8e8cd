"""One row per arm: what it reached, beside the paper's numbers, and what its final norm learned. Pure."""

import math

from rich.table import Table

from study.evidence import Group
from study.reporting.tables.cells import make_table, show, show_number
from trainables.evaluation import MAJORITY_F1, MINORITY_F1, REMOVED_MAJORITY_F1, REMOVED_MINORITY_F1

ARM_COLUMNS = {
    "F1 minority": MINORITY_F1,
    "F1 majority": MAJORITY_F1,
    "F1 minority, BN removed": REMOVED_MINORITY_F1,
    "F1 majority, BN removed": REMOVED_MAJORITY_F1,
    "average precision": "test/average_precision/minority",
}
PUBLISHED_COLUMNS = {"paper minority": MINORITY_F1, "paper majority": MAJORITY_F1}


def arms_table(group: Group) -> Table:
    """Returns one row per arm: F1 of both roles with 95 % intervals over seeds, the paper's numbers beside ours."""
    study = group.study
    published_columns = PUBLISHED_COLUMNS if any(arm.published for arm in study.arms) else {}
    table = make_table(
        f"{study.name}: {study.title} ({group.shown_label})",
        ["arm", "n", *ARM_COLUMNS, *published_columns],
        text=["arm"],
        unbroken=["arm"],
    )
    for arm in study.arms:
        if arm.name not in group.records:
            continue
        ours = [show(group.interval(arm.name, metric)) for metric in ARM_COLUMNS.values()]
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
