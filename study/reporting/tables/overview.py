"""What a screen of any width shows of a group: one row per arm, and the claims without their small print. Pure."""

import math
from collections.abc import Callable, Sequence

from rich.table import Table

from study.evidence import Group, Interval, Verdict, judge
from study.reporting.tables.arms import ARM_COLUMNS, PUBLISHED_COLUMNS
from study.reporting.tables.cells import GAP, make_table, show, show_number
from study.studies import Claim
from trainables.evaluation import MAJORITY_F1, MINORITY_F1

NARROWEST_ARM, WIDEST_VERDICT = 18, len("reproduced")  # longer names and verdicts take more lines
CAPTION = "gain: F1 rare less that of the arm it is paired with, same seeds; ± is the 95 % interval over seeds"

Column = tuple[str, list[str]]  # header, cells


def overview_table(group: Group, width: int) -> Table:
    """Returns one row per arm with as many columns as fit a screen; nothing is cut, long names take more lines.

    On 80 columns: arm, n, F1 of the rare and the frequent class, the gain of the final BN and its verdict.

    Args:
        group: the records.
        width: of the screen, in characters.
    """
    study = group.study
    arms = [arm.name for arm in study.arms if arm.name in group.records]
    longest = max(map(len, arms))
    candidates = _candidates(group, arms)
    fitting = [columns for columns, wraps in candidates if _width(columns, longest, wraps) <= width]
    columns = fitting[-1] if fitting else candidates[0][0]
    table = make_table(
        f"{study.name}: {study.title} ({group.in_words})",
        ["arm", *(header for header, _ in columns)],
        text=["arm", "verdict"],
        unbroken=[header for header, _ in columns if header != "verdict"] if fitting else [],
    )
    for column in table.columns:
        column.min_width = WIDEST_VERDICT if column.header == "verdict" else None
        column.overflow = "fold"
    for arm, *cells in zip(arms, *(cells for _, cells in columns), strict=True):
        table.add_row(arm, *cells)
    if any(header == "gain" for header, _ in columns):
        table.caption, table.caption_justify = CAPTION, "left"
    return table


def claims_overview(verdicts: Sequence[Verdict]) -> Table:
    """Returns one row per claim: its sentence, what was measured with the interval, and the verdict."""
    columns = ("claim", "measured", "verdict")
    table = make_table("claims", columns, text=columns, unbroken=["measured"])
    table.columns[-1].min_width = WIDEST_VERDICT
    for verdict in verdicts:
        difference = verdict.difference
        bounds = "" if math.isnan(difference.low) else f" [{difference.low:+.3f}, {difference.high:+.3f}]"
        measured = f"{show_number(difference.mean, '+.3f')}{bounds}"
        table.add_row(f"{verdict.claim.id}: {verdict.claim.sentence}", measured, verdict.verdict)
    return table


def _candidates(group: Group, arms: Sequence[str]) -> list[tuple[list[Column], bool]]:
    """Returns sets of columns, each wider than the one before it, and whether names of arms may take lines there."""
    verdict_of_arm = {arm: verdict for arm in arms if (verdict := _verdict(group, arm)) is not None}
    counts = "n", [str(len(group.records[arm])) for arm in arms]
    verdicts = "verdict", [verdict_of_arm[arm].verdict if arm in verdict_of_arm else "" for arm in arms]

    def f1(name: str, metric: str, form: Callable[[Interval], str]) -> Column:
        return name, [form(group.interval(arm, metric)) for arm in arms]

    def gain(form: Callable[[Interval], str]) -> Column:
        gains = [verdict_of_arm[arm].difference if arm in verdict_of_arm else None for arm in arms]
        return "gain", ["" if difference is None else _signed(form, difference) for difference in gains]

    def main(*forms: Callable[[Interval], str]) -> list[Column]:
        columns = [counts, f1("F1 rare", MINORITY_F1, forms[0]), f1("F1 frequent", MAJORITY_F1, forms[1])]
        return [*columns, gain(forms[2]), verdicts] if verdict_of_arm else columns

    candidates = [(main(*forms), True) for forms in ((_mean,) * 3, (_mean, _mean, show), (show, _mean, show))]
    columns = main(show, show, show)
    candidates.append((columns, False))
    for header, metric in ARM_COLUMNS.items():
        if metric not in (MINORITY_F1, MAJORITY_F1):
            columns = [*columns, f1(header, metric, show)]
            candidates.append((columns, False))
    published = {arm.name: arm.published for arm in group.study.arms}
    if any(published.values()):
        for header, metric in PUBLISHED_COLUMNS.items():
            columns = [*columns, (header, [show_number(published[arm].get(metric)) for arm in arms])]
            candidates.append((columns, False))
    return candidates


def _width(columns: Sequence[Column], longest_arm: int, wraps: bool) -> int:
    """Returns how many characters a row of these columns takes, names of arms at least."""
    arm = min(longest_arm, NARROWEST_ARM) if wraps else longest_arm
    return arm + sum(
        GAP + (WIDEST_VERDICT if header == "verdict" else max(len(header), *map(len, cells)))
        for header, cells in columns
    )


def _verdict(group: Group, arm: str) -> Verdict | None:
    """Returns the gain of an arm over the one it is paired with, judged as a claim that it is above 0; or None."""
    pair = next((pair for pair in group.study.pairs if pair.treated == arm and pair.control in group.records), None)
    if pair is None or not group.gain(pair.treated, pair.control, MINORITY_F1).n:
        return None
    return judge(Claim("gain", "", "gain", (pair.treated,), (pair.control,)), group)


def _mean(interval: Interval) -> str:
    return "-" if math.isnan(interval.mean) else f"{interval.mean:.3f}"


def _signed(form: Callable[[Interval], str], difference: Interval) -> str:
    return f"{'+' if difference.mean >= 0 else ''}{form(difference)}"
