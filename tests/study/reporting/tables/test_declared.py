"""What `--list` and `--dry-run` print fits a screen of 80 columns."""

import io

import pytest
from rich.console import Console

from study.reporting import list_table, trials_table
from study.reporting.tables.declared import SPACIOUS, spans
from study.studies import STUDIES, find
from tests.support.tables import header_of, rows_of
from trainables.configuration import Trial


@pytest.mark.parametrize(
    ("numbers", "text"), [([], ""), ([3], "3"), ([0, 1, 2, 3], "0-3"), ([5, 0, 1, 7, 8], "0-1, 5, 7-8")]
)
def test_numbers_that_follow_one_another_are_a_span(numbers: list[int], text: str) -> None:
    assert spans(numbers) == text


@pytest.mark.parametrize("width", [80, SPACIOUS, 240])
def test_the_list_of_studies_is_never_cut(width: int) -> None:
    table = list_table(find(list(STUDIES)), lambda source: not source.startswith("plantvillage"), width)
    screen = Console(file=io.StringIO(), width=width)
    screen.print(table)
    assert isinstance(screen.file, io.StringIO)
    text = screen.file.getvalue()
    assert "…" not in text
    assert max(map(len, text.splitlines())) <= width
    assert all(name in text for name in STUDIES)
    assert ("source" in header_of(table)) == (width >= SPACIOUS)


def test_a_row_of_the_list_says_what_is_missing() -> None:
    (digits, figure1, mechanism, own) = rows_of(
        list_table(find(["digits", "figure1", "mechanism", "images"]), lambda source: "Apple" not in source, 80)
    )
    assert digits[:2] == ["digits", "320"]
    assert figure1[3] == "plantvillage (missing)"
    assert mechanism[3] == "digits, mnist, plantvillage (missing)"
    assert own[2:4] == ["?", "your folder"]


def test_a_trial_is_study_key_seeds_and_arm() -> None:
    (study,) = find(["digits"])
    configuration = study.arm("plain").configuration
    table = trials_table([Trial("digits", "plain", configuration, (0, 1, 2, 9))])
    assert rows_of(table) == [["digits", configuration.key, "0-2, 9", "plain"]]
