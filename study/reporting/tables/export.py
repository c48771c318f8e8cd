"""What was exported -> the table of variants, and the statistic of H1 through onnxruntime. Pure."""

from collections.abc import Sequence
from dataclasses import replace
from itertools import product
from statistics import fmean

from rich.table import Table

from export.errors import ATOL
from export.runs import KEEP, NONE, REMOVE, VARIANTS, Exported
from export.verification import F1_TOLERANCE, LEVELS_TOLERANCE
from study.evidence import Group, Verdict, judge
from study.reporting.tables.cells import fit, make_table, show
from study.studies import removal_claims
from trainables.storage import Record

CAPTION = (
    "for deployment: no role's F1 is lower than the trained network's (recalibrated and target: at their threshold) "
    f"by more than {F1_TOLERANCE:g}, that of the minority is not 0, and optimisation levels decide at most "
    f"{LEVELS_TOLERANCE:.1%} of the images differently; fp16 and int8 are of each arm's run with the best validation F1"
)

DIFFERENCE = f"max difference to PyTorch (exact: {ATOL:g})"
DISPENSABLE = ("levels differ", "nodes", "p95 ms", "seeds", "p50 ms", DIFFERENCE, "bytes", "decisions changed")


def variants_overview(table: Table, width: int) -> Table:
    """Returns the table of variants with as many columns as a screen has room for."""
    before = len(table.columns)
    if len(fit(table, width, DISPENSABLE).columns) < before:
        table.caption = f"{CAPTION}; --format markdown has all columns"
    return table


def variants_table(title: str, group: Group, exported: Sequence[Exported]) -> Table:
    """Returns a row per arm and variant of a group: means over seeds, the worst difference, all changed decisions."""
    class_names = exported[0].record.typed_configuration().data.classes
    columns = (
        *(
            "arm",
            "variant",
            "seeds",
            DIFFERENCE,
            "decisions changed",
            "levels differ",
        ),
        *(f"F1 {name}" for name in class_names),
        *("nodes", "bytes", "p50 ms", "p95 ms", "for deployment"),
    )
    table = make_table(title, columns, text=("arm", "variant"), unbroken=())
    table.caption, table.caption_justify = CAPTION, "left"
    arm_names = dict.fromkeys(run.record.arm for run in exported)
    for arm_name, variant in product(arm_names, VARIANTS):
        verifications = [
            run.verifications[variant] for run in exported if run.record.arm == arm_name and variant in run.files
        ]
        if not verifications:
            continue
        num_changed = sum(len(verification.changed) for verification in verifications)
        num_images = sum(verification.num_images for verification in verifications)
        f1_per_class = [
            group.interval_over(verification.metrics[f"f1/{name}"] for verification in verifications)
            for name in class_names
        ]
        table.add_row(
            arm_name,
            variant,
            str(len(verifications)),
            f"{max(verification.difference for verification in verifications):.1e}",
            f"{num_changed} of {num_images}",
            f"{max(verification.levels_differ for verification in verifications):.1%}",
            *map(show, f1_per_class),
            str(verifications[0].nodes),
            f"{verifications[0].num_bytes:,}",
            f"{fmean(verification.p50_ms for verification in verifications):.3f}",
            f"{fmean(verification.p95_ms for verification in verifications):.3f}",
            _how_many([verification.deployable for verification in verifications]),
        )
    return table


def _how_many(deployable: Sequence[bool]) -> str:
    """Returns "yes" where all are, "no" where none is, else "3 of 10"."""
    number = sum(deployable)
    if number == len(deployable):
        return "yes"
    return f"{number} of {len(deployable)}" if number else "no"


def h1_verdicts(group: Group, exported: Sequence[Exported]) -> list[Verdict]:
    """Returns the verdicts on H1a and H1b from what onnxruntime gives; none without a pair of arms.

    They are judged as any claim is, on records whose test metrics are those of the exported files.
    """
    measured: dict[str, dict[int, Record]] = {}  # arm -> seed -> record
    for run in exported:
        history: dict[str, list[float | None]] = {}
        for variant, split in ((KEEP, "test"), (REMOVE, "test-removed"), (NONE, "test")):
            if variant in run.verifications:
                metrics = run.verifications[variant].metrics
                history |= {f"{split}/{name}": [value] for name, value in metrics.items()}
        record = run.record.model_copy(update={"history": history})
        measured.setdefault(record.arm, {})[record.seed] = record
    as_exported = replace(group, records=measured)
    with_norm = [arm for arm in measured if as_exported.configuration(arm).network.final_norm != "none"]
    without = [arm for arm in measured if arm not in with_norm]
    if len(with_norm) != 1 or len(without) != 1:
        return []
    return [judge(claim, as_exported) for claim in removal_claims((with_norm[0],), (without[0],))]
