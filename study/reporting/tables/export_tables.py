"""What was exported -> the table of variants, and the statistic of H1 through onnxruntime. Pure."""

from collections.abc import Sequence
from itertools import product

from rich.table import Table

from export.errors import ATOL
from export.runs import KEEP, NONE, REMOVE, VARIANTS, Exported
from export.verification import F1_TOLERANCE
from study.evidence import Group, PairedDifference, removal_statistic
from study.reporting.tables.tables import show

NOT_FOR_DEPLOYMENT = (
    f"for deployment: no role's F1 is lower than the trained network's by more than {F1_TOLERANCE:g}, and that of the "
    "minority is not 0; "
    "fp16 and int8 are of each arm's run with the best validation F1"
)


def variants_table(title: str, group: Group, exported: Sequence[Exported]) -> Table:
    """Returns a row per arm and variant of a group: means over seeds, the worst difference, all changed decisions."""
    table = Table(title=title, title_justify="left", caption=NOT_FOR_DEPLOYMENT, caption_justify="left")
    classes = exported[0].record.typed_configuration().data.classes
    names = ("arm", "variant", "seeds", f"max difference to PyTorch (exact: {ATOL:g})", "decisions changed",
             *(f"F1 {name}" for name in classes), "nodes", "bytes", "p50 ms", "p95 ms", "for deployment")  # fmt: skip
    for name in names:
        table.add_column(name, justify="left" if name in ("arm", "variant") else "right")
    for arm, variant in product(dict.fromkeys(done.record.arm for done in exported), VARIANTS):
        its = [done.verifications[variant] for done in exported if done.record.arm == arm and variant in done.files]
        if not its:
            continue
        changed = f"{sum(len(v.changed) for v in its)} of {sum(v.num_images for v in its)}"
        f1 = [show(group.interval_over(v.metrics[f"f1/{name}"] for v in its)) for name in classes]
        latency = [f"{sum(times) / len(its):.3f}" for times in ([v.p50_ms for v in its], [v.p95_ms for v in its])]
        good = sum(v.deployable for v in its)
        deployable = f"{good} of {len(its)}" if 0 < good < len(its) else "yes" if good else "no"
        table.add_row(arm, variant, str(len(its)), f"{max(v.difference for v in its):.1e}", changed, *f1,
                      str(its[0].nodes), f"{its[0].num_bytes:,}", *latency, deployable)  # fmt: skip
    return table


def h1_statistic(group: Group, exported: Sequence[Exported]) -> PairedDifference | None:
    """Returns (removed - none) - half of (final - none) over seeds; None without a pair of arms."""
    f1: dict[str, dict[int, float]] = {}
    for done in exported:
        for variant, measured in done.verifications.items():
            f1.setdefault(variant, {})[done.record.seed] = measured.metrics.get("f1/minority", float("nan"))
    if not {REMOVE, KEEP, NONE} <= f1.keys():
        return None
    return removal_statistic(group, f1[REMOVE], f1[KEEP], f1[NONE])
