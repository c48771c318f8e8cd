"""What a search found: the groups of its winners' records, and whether the final BN is ahead at each setting. Pure."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from study.declaration import PARETO, TUNED, Study
from study.groups import Group
from study.search_space import Range, Values
from study.studies.tuned import tuned_study
from trainables.configuration import Configuration
from trainables.records import Record

ROBUST, FRAGILE, REVERSED = "robust", "fragile", "reversed"
State = Literal["complete", "pruned", "failed"]
OF_THE_STUDY = (  # what neither arms nor nuisances vary, and a label does not say otherwise; told where it is not usual
    "data.split", "data.validation_majority", "data.validation_minority", "data.test_majority", "data.test_minority",
    "augmentation.transform", "augmentation.mixup_alpha", "network.output", "loss.name", "optimiser.name",
    "schedule.steps_per_epoch",
)  # fmt: skip
Scores = Mapping[int, float]  # place in the shared design -> score


@dataclass(frozen=True)
class Setting:
    """A finished trial of an arm: its values, its place in the shared design, and the objectives."""

    values: Values
    design: int | None
    state: State
    scores: tuple[float, ...]
    reason: str = ""


@dataclass(frozen=True)
class Robustness:
    """The final BN against another arm over the settings of the shared design.

    Attributes:
        ahead: settings at which its score is higher; a tie counts half.
        settings: settings that both arms finished.
        low, high: 95 % interval of the share ahead (Clopper-Pearson).
        depends_on: the number a gain goes with most, its rank correlation (Spearman); "" with fewer than 5 settings.
    """

    control: str
    ahead: float
    settings: int
    low: float
    high: float
    verdict: str
    depends_on: str


def groups(study: Study, records: Iterable[Record]) -> list[Group]:
    """Returns a group for each data set and network that was tuned, with the latest winner of every arm."""
    name = study.name.removesuffix(TUNED)
    latest: dict[str, dict[str, Record]] = {}
    by_key: dict[str, dict[int, Record]] = {}
    for record in records:
        if record.status == "complete":
            arms = latest.setdefault(_label(record.typed_configuration(), with_size=not name.endswith(PARETO)), {})
            if record.arm not in arms or arms[record.arm].finished_at < record.finished_at:
                arms[record.arm] = record
            by_key.setdefault(record.key, {})[record.seed] = record
    found = []
    for label, arms in sorted(latest.items()):
        winners = {arm: record.typed_configuration() for arm, record in arms.items()}
        its = tuned_study(study.name, winners)
        found.append(Group(its, label, {arm: by_key[record.key] for arm, record in arms.items()}))
    return found


def front(settings: Sequence[Setting], directions: Sequence[str]) -> list[Setting]:
    """Returns the complete settings that no other is at least as good as in all objectives and better in one."""
    signs = [1 if direction == "maximize" else -1 for direction in directions]

    def gains(a: Setting) -> list[float]:
        return [sign * score for sign, score in zip(signs, a.scores, strict=True)]

    complete = [setting for setting in settings if setting.state == "complete"]
    return [a for a in complete
            if not any(all(x >= y for x, y in zip(gains(b), gains(a), strict=True)) and gains(b) != gains(a)
                       for b in complete)]  # fmt: skip


def robustness(control: str, treated: Scores, other: Scores, design: Sequence[Values], space: Iterable[object],
               ) -> Robustness:  # fmt: skip
    """Returns how the final BN's scores compare with an arm's, setting by setting.

    Robust: the whole interval of the share of settings ahead is above one half; reversed: it is below; else fragile.
    """
    from scipy import stats  # takes a second to import, which no --help needs

    both = sorted(treated.keys() & other.keys())
    gains = [treated[i] - other[i] for i in both]
    ahead = sum(1.0 if gain > 0 else 0.5 if gain == 0 else 0.0 for gain in gains)
    if not both:
        return Robustness(control, 0, 0, math.nan, math.nan, FRAGILE, "")
    bounds = (
        stats.binomtest(math.floor(ahead), len(both)).proportion_ci(),
        stats.binomtest(math.ceil(ahead), len(both)).proportion_ci(),
    )
    low, high = bounds[0].low, bounds[1].high
    verdict = ROBUST if low > 0.5 else REVERSED if high < 0.5 else FRAGILE
    return Robustness(control, ahead, len(both), low, high, verdict, _depends_on(both, gains, design, space))


def _depends_on(both: Sequence[int], gains: Sequence[float], design: Sequence[Values], space: Iterable[object]) -> str:
    if len(both) < 5 or len(set(gains)) < 2:
        return ""
    from scipy import stats

    fields = [d.field for d in space if isinstance(d, Range)]
    found = {field: float(stats.spearmanr([design[i][field] for i in both], gains).statistic) for field in fields}
    strongest = max(found, key=lambda field: abs(found[field]), default="")
    return f"{strongest.split('.')[-1]} ({found[strongest]:+.2f})" if strongest else ""


def _label(configuration: Configuration, with_size: bool) -> str:
    data, network, flat = configuration.data, configuration.network, configuration.flat()
    counts = f"{data.train_majority}/{data.train_minority}"
    classes = f"{','.join(data.minority)} against {','.join(data.majority)}"
    size = f" at {data.image_size}" if data.image_size and with_size else ""
    cut = f" up to {network.cut}" if network.cut and with_size else ""
    weights = f" with weights {network.weights}, {network.trainable} trains" if network.weights != "none" else ""
    backbone = f"{network.name}{cut}{weights}"
    usual = Configuration().flat()
    more = "".join(f", {field}={flat[field]}" for field in OF_THE_STUDY if flat[field] != usual[field])
    return f"{data.source}{size}, {classes}, {counts}, {backbone}, {configuration.schedule.epochs} epochs{more}"
