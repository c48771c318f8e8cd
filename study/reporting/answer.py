"""The answer about somebody's own images, in words: one box on screen, one on the page, one in Markdown. Pure."""

import math
from collections.abc import Iterator
from dataclasses import dataclass

from rich.console import Group, RenderableType
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from study.answers import RECALIBRATED, RIVALS, TARGET_WIDTH, Answer, Candidate, Comparison
from study.evidence import FEWEST_SEEDS, MARGIN, NOT_REPRODUCED, REPRODUCED, Interval
from study.studies import ADJUSTED, COMBINED, FINAL, NONE, WEIGHTED_LOSS
from trainables.common import for_markdown, printable

WIDTH = 80  # columns of the box, where the screen has them
FRAME = 6  # of them beside its title
METHODS = {
    NONE: "no remedy",
    WEIGHTED_LOSS: "a weighted loss",
    ADJUSTED: "a logit-adjusted loss",
    FINAL: "a final BN",
    COMBINED: "a final BN with a weighted loss",
}
THRESHOLD_ALONE = "the threshold alone"
WORTH_SAYING = 0.1  # of an interval: what more seeds have to take off it


@dataclass(frozen=True)
class AnswerText:
    """An answer in words.

    Attributes:
        title: what it is about.
        headline: which arm, and does a final BN help?
        facts: (what, text) of each line below it.
        kind: "decided" or "too-few-seeds", for the page's colours.
    """

    title: str
    headline: str
    facts: tuple[tuple[str, str], ...]
    kind: str


def answer_in_words(answer: Answer, title: str = "", photos: str = "") -> AnswerText:
    """Returns an answer in words.

    Args:
        answer: to be told.
        title: what it is about, such as "scab in photos"; "" takes the rare classes.
        photos: which photos there were; "" leaves that out.
    """
    kind = "decided" if answer.is_decided else "too-few-seeds"
    facts = tuple((what, printable(words)) for what, words in _facts(answer, photos))
    return AnswerText(printable(title or ", ".join(answer.rare)), printable(headline(answer)), facts, kind)


def headline(answer: Answer) -> str:
    """Returns the answer in a sentence or two: which arm, and whether a final BN helps."""
    chosen = method_in_words(answer.chosen)
    if answer.too_little:
        return f"Too little to decide: {', '.join(answer.too_little)}. Best so far on validation: {chosen}."
    return f"Use {chosen}; {_on_final_norm(answer)}."


def method_in_words(candidate: Candidate) -> str:
    """Returns what a candidate does for the rare class: "a weighted loss, at a threshold chosen on validation"."""
    is_recalibrated = candidate.way == RECALIBRATED
    if candidate.method == NONE and is_recalibrated:
        return f"{THRESHOLD_ALONE}, chosen on validation"
    words = METHODS.get(candidate.method, candidate.method)
    return f"{words}, at a threshold chosen on validation" if is_recalibrated else words


def as_box(text: AnswerText, columns: int) -> RenderableType:
    """Returns the box for a screen of so many columns."""
    lines = Table.grid(padding=(0, 2))
    lines.add_column(no_wrap=True)
    lines.add_column(overflow="fold")
    for what, words in text.facts:
        lines.add_row(Text(what, style="dim"), Text(words))
    whole = Group(Text(text.headline, style="bold"), Text(), lines)
    width = min(columns, WIDTH)
    title = Text(_fitting(f"the answer: {text.title}", width - FRAME))
    return Panel(whole, title=title, title_align="left", width=width)


def _fitting(title: str, width: int) -> str:
    """Returns a title without its last parts where it is too wide; the table below the box has all of it."""
    parts = title.split(", ")
    while len(parts) > 1 and len(", ".join(parts)) > width:
        parts.pop()
    return ", ".join(parts)


def as_markdown_lines(text: AnswerText) -> str:
    """Returns the box as Markdown."""
    facts = [f"- {what}: {for_markdown(words)}" if what else f"  {for_markdown(words)}" for what, words in text.facts]
    return "\n".join([f"**{for_markdown(text.headline)}**", "", *facts])


def _on_final_norm(answer: Answer) -> str:
    uses_one = answer.chosen.method in (FINAL, COMBINED)
    verdict = answer.final_norm_verdict
    if not verdict:
        return "a final BN was not run" if answer.final_norm is None else "nothing was run to compare a final BN with"
    if verdict == REPRODUCED:
        return "it helps here" if answer.chosen.method == FINAL else "a final BN helps here"
    if verdict == NOT_REPRODUCED:
        better = next(comparison for comparison in answer.comparisons if comparison.verdict == NOT_REPRODUCED)
        return f"a final BN alone does less here than {_alone(better.rival)}"
    if answer.final_norm_is_alike:
        return f"with a final BN or without, the F1 differs by less than {MARGIN:g}"
    others = "that it does more than every other remedy is not shown"
    return others if uses_one else "a final BN is not shown to help here"


def _facts(answer: Answer, photos: str) -> Iterator[tuple[str, str]]:
    chosen, confusion, tests = answer.chosen, answer.confusion, len(answer.seeds)
    rare, frequent = ", ".join(answer.rare), ", ".join(answer.frequent)
    alarms = f"{confusion.alarms} false alarm{'' if confusion.alarms == 1 else 's'}"
    in_tests = f"in {tests} test{'' if tests == 1 else 's'}"
    yield "arm", f"{chosen.arm}, {chosen.way}: the best F1 on validation, {chosen.validation_f1:.3f}"
    yield "F1", f"{_interval(answer.f1)} of {rare}, on test photos"
    yield "recall", f"{_interval(answer.recall)}: finds {confusion.found} of {confusion.rare} {rare} {in_tests}"
    yield "precision", f"{_interval(answer.precision)}: {alarms} among {confusion.frequent} {frequent}"
    yield "rests on", _rests_on(answer)
    if photos:
        yield "photos", photos
    if answer.is_decided:
        yield from _on_comparisons(answer)
    yield from _on_surer(answer)


def _rests_on(answer: Answer) -> str:
    number = len(answer.seeds)
    return (
        f"{number} seed{'' if number == 1 else 's'} with {answer.rare_tested} rare test photos each, "
        f"{answer.distinct_rare} different ones in all"
    )


def _on_comparisons(answer: Answer) -> Iterator[tuple[str, str]]:
    if answer.final_norm is None or answer.final_norm_f1 is None:
        return
    yield "final BN", f"F1 {_interval(answer.final_norm_f1)} ({answer.final_norm.arm}); that is"
    for comparison in answer.comparisons:
        yield "", f"{_gain(comparison.gain)} beside {_alone(comparison.rival)}: {_word(comparison)}"
    compared = {comparison.rival.method for comparison in answer.comparisons}
    missing = [_alone(Candidate("", method, way, math.nan)) for method, way in RIVALS.items() if method not in compared]
    if missing:
        yield "", f"not run: {', '.join(missing)}"


def _alone(rival: Candidate) -> str:
    """Returns the name of a remedy that the final BN is judged beside."""
    return THRESHOLD_ALONE if rival.method == NONE else METHODS.get(rival.method, rival.method)


def _word(comparison: Comparison) -> str:
    gain = comparison.gain
    if comparison.verdict == REPRODUCED:
        return "better"
    if comparison.verdict == NOT_REPRODUCED:
        return "worse"
    return f"within {MARGIN:g}" if gain.low > -MARGIN and gain.high < MARGIN else "not decided"


def _on_surer(answer: Answer) -> Iterator[tuple[str, str]]:
    surer, num_seeds, rare = answer.surer, len(answer.seeds), ", ".join(answer.rare)
    photos = f"{'test ' if surer.is_of_test else ''}photos of {rare}"
    missing = [f"--seeds {surer.seeds}"] if num_seeds < FEWEST_SEEDS else []
    if surer.more_to_decide:
        missing.append(f"{surer.more_to_decide} more {photos} ({surer.rare_photos + surer.more_to_decide} in all)")
    if missing:
        yield "a verdict", f"takes {' and '.join(missing)}"
    wide = f"{TARGET_WIDTH:g} wide (now {surer.width:.2f})"
    if surer.more_rare_photos is None:
        yield "surer", f"an F1 interval {wide} takes very many more {photos}"
    elif surer.more_rare_photos:
        number = _rounded(surer.more_rare_photos)
        yield "surer", f"an F1 interval {wide} takes about {number} more {photos} beside the {surer.rare_photos}"
    if num_seeds >= FEWEST_SEEDS and surer.width - surer.width_with_seeds >= WORTH_SAYING * surer.width:
        yield "", f"--seeds {surer.seeds} alone would make it about {surer.width_with_seeds:.2f} wide"


def _rounded(number: int) -> int:
    """Returns a number with two digits that count: 1437 -> 1400."""
    return round(number, min(0, 2 - len(str(number))))


def _interval(interval: Interval) -> str:
    bounds = "" if math.isnan(interval.low) else f" [{interval.low:.2f}, {interval.high:.2f}]"
    return f"{interval.mean:.3f}{bounds}"


def _gain(gain: Interval) -> str:
    bounds = "" if math.isnan(gain.low) else f" [{gain.low:+.2f}, {gain.high:+.2f}]"
    return f"{gain.mean:+.3f}{bounds}"
