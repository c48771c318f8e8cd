"""What the threshold that validation chooses for a target achieves on test images, arm by arm over all seeds."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from statistics import fmean

from rich.table import Table

from study.evidence import Group
from study.reporting.tables import show
from study.reporting.tables.cells import make_table, show_number
from trainables.evaluation import OperatingPoint, Target, UnreachableError, points_of_run
from trainables.storage import RunFolder


@dataclass(frozen=True)
class AchievedTarget:
    """What an arm, its final norm kept or removed, achieves at its thresholds.

    Attributes:
        arm: its name.
        removed: whether the final norm is taken off.
        chosen: what each seed's threshold does on its validation images.
        tested: what the same thresholds do on the test images.
        unreachable: how many further seeds have no threshold that reaches the target.
    """

    arm: str
    removed: bool
    chosen: tuple[OperatingPoint, ...]
    tested: tuple[OperatingPoint, ...]
    unreachable: int

    def num_met(self, target: Target) -> int | None:
        """Returns how many seeds meet the target on test images; None for one that is no bound."""
        met = [point.meets(target) for point in self.tested]
        return None if any(meets is None for meets in met) else sum(map(bool, met))


def achieved_targets(group: Group, arms: Sequence[str], target: Target, folder: RunFolder) -> list[AchievedTarget]:
    """Returns what each arm achieves, its final norm kept and removed; those without validation images are left out.

    Raises:
        UnreachableError: no threshold of any seed reaches the target; it tells of the best one.
        RecordError: predictions that are missing or damaged.
    """
    achieved: list[AchievedTarget] = []
    errors: list[UnreachableError] = []
    for arm, removed in _arms_and_removed(group, arms):
        points = []
        seeds_without: list[UnreachableError] = []
        for record in group.records[arm].values():
            try:
                of_seed = points_of_run(record, folder, target, removed)
            except UnreachableError as error:
                seeds_without.append(error)
            else:
                points += [] if of_seed is None else [of_seed]
        errors += seeds_without
        if points or seeds_without:
            chosen, tested = (tuple(column) for column in zip(*points, strict=True)) if points else ((), ())
            achieved.append(AchievedTarget(arm, removed, chosen, tested, len(seeds_without)))
    if errors and not any(line.tested for line in achieved):
        raise max(errors, key=lambda error: error.best)
    return achieved


def operating_table(group: Group, achieved: Sequence[AchievedTarget], target: Target) -> Table:
    """Returns a row per arm, its final norm kept and removed: means over seeds, and how many seeds meet the target."""
    is_bound = target.kind in ("recall", "precision")
    last_column = "met" if is_bound else "cost an image" if target.kind == "cost" else "F1"
    columns = ["arm", "final BN", "seeds", "threshold", "recall", "precision", last_column]
    title = f"{target.text}: threshold of validation, on test images"
    table = make_table(title, columns, text=columns[:2], unbroken=[])
    for line in achieved:
        if not line.tested:
            continue
        num_met = line.num_met(target)
        values = [point.cost(target) if target.kind == "cost" else point.f1 for point in line.tested]
        table.add_row(
            line.arm,
            "removed" if line.removed else "kept" if _has_norm(group, line.arm) else "-",
            str(len(line.tested)),
            show_number(fmean(point.probability for point in line.chosen)),
            show(group.interval_over(point.recall.value for point in line.tested)),
            show(group.interval_over(point.precision.value for point in line.tested)),
            show(group.interval_over(values)) if num_met is None else f"{num_met} of {len(line.tested)}",
        )
    table.caption, table.caption_justify = _caption(achieved, target), "left"
    return table


def _caption(achieved: Sequence[AchievedTarget], target: Target) -> str:
    """Says what the thresholds rest on."""
    points = [point for line in achieved for point in line.chosen]
    rare, frequent = (_range(getattr(point, a) + getattr(point, b) for point in points)
                      for a, b in (("found", "missed"), ("alarms", "passed")))  # fmt: skip
    tested = _range(point.found + point.missed for line in achieved for point in line.tested)
    said = [f"chosen on {rare} rare and {frequent} frequent validation images of each seed, judged on {tested} rare"]
    if target.kind in ("recall", "precision"):
        confidence = min(point.confidence for point in points)
        sure = "95 %" if confidence >= 0.95 else f"{confidence:.0%} at least: too few rare images for 95 %"
        said.append(f"confidence that new images of this kind meet it: {sure}")
    if target.prevalence is not None:
        said.append(f"all but the recall at a prevalence of {target.prevalence:g}")
    unreachable = sum(line.unreachable for line in achieved)
    if unreachable:
        said.append(f"{unreachable} seeds left out: no threshold reaches it on their validation images")
    return "; ".join(said)


def _range(numbers: Iterator[int]) -> str:
    distinct = sorted(set(numbers))
    return f"{distinct[0]}" if len(distinct) == 1 else f"{distinct[0]} to {distinct[-1]}"


def _arms_and_removed(group: Group, arms: Sequence[str]) -> Iterator[tuple[str, bool]]:
    for arm in arms:
        yield arm, False
        if _has_norm(group, arm):
            yield arm, True


def _has_norm(group: Group, arm: str) -> bool:
    return group.configuration(arm).network.final_norm != "none"
