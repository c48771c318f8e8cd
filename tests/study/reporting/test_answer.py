"""What a practitioner reads: the box on screen and the same in Markdown."""

import dataclasses
import io
import math

import pytest
from rich.console import Console

from study.answers import AS_TRAINED, RECALIBRATED, Answer, Candidate, Comparison, Surer
from study.evidence import NOT_REPRODUCED, REPRODUCED, UNDECIDED, Interval, PairedDifference
from study.reporting import answer_in_words, headline
from study.reporting.answer import as_box, as_markdown_lines, method_in_words
from study.studies import ADJUSTED, COMBINED, FINAL, NONE, WEIGHTED_LOSS
from trainables.evaluation import Confusion


def _comparison(method: str, gain: float, half: float, verdict: str) -> Comparison:
    way = RECALIBRATED if method == NONE else AS_TRAINED
    difference = PairedDifference(gain, gain - half, gain + half, 10, math.nan)
    return Comparison(Candidate(f"{method}, rate 0.003", method, way, 0.8), Interval(0.8, 0.7, 0.9, 10), difference,
                      verdict)  # fmt: skip


def _answer(method: str = WEIGHTED_LOSS, way: str = AS_TRAINED, **changes: object) -> Answer:
    answer = Answer(
        rare=("Apple scab, 2026 [b]",),
        frequent=("healthy [/b]",),
        chosen=Candidate(f"{method}, rate 0.003", method, way, 0.9),
        f1=Interval(0.9, 0.8, 1.0, 10),
        recall=Interval(0.92, 0.81, 1.0, 10),
        precision=Interval(0.89, 0.78, 0.99, 10),
        confusion=Confusion(46, 50, 1, 300),
        seeds=tuple(range(10)),
        best_seed=3,
        rare_tested=12,
        distinct_rare=40,
        final_norm=Candidate("final BN, rate 0.001", FINAL, AS_TRAINED, 0.85),
        final_norm_f1=Interval(0.88, 0.8, 0.95, 10),
        comparisons=(
            _comparison(WEIGHTED_LOSS, -0.02, 0.06, UNDECIDED),
            _comparison(ADJUSTED, 0.01, 0.02, UNDECIDED),
            _comparison(NONE, 0.1, 0.05, REPRODUCED),
        ),
        too_little=(),
        surer=Surer(0.2, 20, 0.15, 60, False, 1437, 0),
    )
    return dataclasses.replace(answer, **changes)  # type: ignore[arg-type]


def _printed(answer: Answer, columns: int = 80) -> str:
    screen = Console(file=io.StringIO(), width=columns, markup=False, emoji=False)
    screen.print(as_box(answer_in_words(answer, "scab in my [photos]"), columns))
    assert isinstance(screen.file, io.StringIO)
    return screen.file.getvalue()


def test_the_box_says_all_that_is_needed_within_80_columns() -> None:
    text = _printed(_answer())
    assert max(map(len, text.splitlines())) == 80
    words = " ".join(text.replace("│", " ").split())
    for part in (
        "the answer: scab in my [photos]",
        "Use a weighted loss; a final BN is not shown to help here.",
        "0.900 [0.80, 1.00] of Apple scab, 2026 [b], on test photos",
        "finds 46 of 50 Apple scab, 2026 [b] in 10 tests",
        "0.890 [0.78, 0.99]: 1 false alarm among 300 healthy [/b]",
        "10 seeds with 12 rare test photos each, 40 different ones in all",
        "-0.020 [-0.08, +0.04] beside a weighted loss: not decided",
        "+0.010 [-0.01, +0.03] beside a logit-adjusted loss: within 0.05",
        "+0.100 [+0.05, +0.15] beside the threshold alone: better",
        "takes about 1400 more photos of Apple scab, 2026 [b] beside the 60",
        "--seeds 20 alone would make it about 0.15 wide",
    ):
        assert part in words
    assert max(map(len, _printed(_answer(), 240).splitlines())) == 80
    assert max(map(len, _printed(_answer(), 50).splitlines())) == 50


def test_too_little_to_decide_gives_no_verdict() -> None:
    answer = _answer(seeds=(0, 1), too_little=("2 seeds where 6 are needed",),
                     surer=Surer(0.9, 10, 0.3, 25, False, None, 25))  # fmt: skip
    text = answer_in_words(answer)
    assert text.headline == (
        "Too little to decide: 2 seeds where 6 are needed. Best so far on validation: a weighted loss."
    )
    facts = dict(text.facts)
    assert "final BN" not in facts
    assert facts["a verdict"] == "takes --seeds 10 and 25 more photos of Apple scab, 2026 [b] (50 in all)"
    assert "very many more photos" in facts["surer"]


BETTER = tuple(_comparison(method, 0.1, 0.05, REPRODUCED) for method in (WEIGHTED_LOSS, ADJUSTED, NONE))
ALIKE = tuple(_comparison(method, 0.0, 0.04, UNDECIDED) for method in (WEIGHTED_LOSS, ADJUSTED, NONE))
WORSE = (*BETTER[:2], _comparison(NONE, -0.1, 0.05, NOT_REPRODUCED))


@pytest.mark.parametrize(
    ("method", "comparisons", "says"),
    [
        (FINAL, BETTER, "Use a final BN; it helps here."),
        (COMBINED, BETTER, "Use a final BN with a weighted loss; a final BN helps here."),
        (FINAL, ALIKE, "Use a final BN; with a final BN or without, the F1 differs by less than 0.05."),
        (FINAL, _answer().comparisons, "Use a final BN; that it does more than every other remedy is not shown."),
        (NONE, WORSE, "Use no remedy; a final BN alone does less here than the threshold alone."),
        (NONE, (), "Use no remedy; nothing was run to compare a final BN with."),
    ],
)
def test_the_headline(method: str, comparisons: tuple[Comparison, ...], says: str) -> None:
    assert headline(_answer(method, comparisons=comparisons)) == says


def test_what_was_not_run_is_said() -> None:
    assert headline(_answer(final_norm=None, comparisons=())).endswith("a final BN was not run.")
    facts = answer_in_words(_answer(comparisons=_answer().comparisons[:1])).facts
    assert ("", "not run: a logit-adjusted loss, the threshold alone") in facts


def test_a_threshold_is_part_of_what_to_use() -> None:
    assert method_in_words(Candidate("a", NONE, RECALIBRATED, 0.5)) == "the threshold alone, chosen on validation"
    assert (
        method_in_words(Candidate("a", FINAL, RECALIBRATED, 0.5)) == "a final BN, at a threshold chosen on validation"
    )


def test_in_markdown() -> None:
    text = as_markdown_lines(answer_in_words(_answer()))
    assert text.startswith("**Use a weighted loss; a final BN is not shown to help here.**\n\n- arm: ")
    assert "- : " not in text
