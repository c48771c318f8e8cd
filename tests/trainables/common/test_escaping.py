"""Whatever a name holds, it is shown on one line and acts on nothing."""

import pytest

from export import edge
from trainables.common import LONGEST, for_spreadsheet, printable, shortened

NAMES = {
    "plain": ("sick leaf", "sick leaf"),
    "accents": ("Bl\u00e4tter \u8449 \U0001f343", "Bl\u00e4tter \u8449 \U0001f343"),
    "colour": ("\x1b[31mred", "\\x1b[31mred"),
    "title of the window": ("\x1b]0;owned\x07", "\\x1b]0;owned\\x07"),
    "8-bit escape": ("\x9b2J", "\\x9b2J"),
    "lines": ("a\nb\r\u2028c\x85d", "a\\nb\\r\\u2028c\\x85d"),
    "right to left": ("exe.\u202egnp", "exe.\\u202egnp"),
    "isolates and marks": ("\u2066a\u2069\u200f\u061c", "\\u2066a\\u2069\\u200f\\u061c"),
    "nothing to see": ("a\u200b\ufeffb", "a\\u200b\\ufeffb"),
    "no text": ("caf\udce9", "caf\\udce9"),
    "NUL, tab, DEL, backspace": ("\0\t\x7f\b", "\\x00\\t\\x7f\\x08"),
    "long": ("x" * 300, "x" * 300),
}


@pytest.mark.parametrize(("name", "shown"), NAMES.values(), ids=NAMES.keys())
def test_what_is_not_printable_is_escaped_here_and_on_devices(name: str, shown: str) -> None:
    assert printable(name) == edge.printable(name) == shown
    shown.encode()


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@SUM(A1)"])
def test_a_spreadsheet_runs_no_text_and_gets_numbers_as_they_are(text: str) -> None:
    assert for_spreadsheet(text) == f"'{text}"
    assert for_spreadsheet(-1.5) == -1.5
    assert for_spreadsheet("sick\tleaf") == "sick\\tleaf"


def test_a_long_line_loses_its_middle_and_a_short_one_nothing() -> None:
    shown = shortened("begin" + "x" * 10_000 + "end")
    assert len(shown) <= LONGEST
    assert (shown[:5], shown[-3:]) == ("begin", "end")
    assert shortened("x" * LONGEST) == "x" * LONGEST
