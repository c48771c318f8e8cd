"""How any text is shown to a person: names of files, classes and studies come from anywhere."""

import re

LONGEST = 2000  # characters of a line that says what is wrong
FORMULA = ("=", "+", "-", "@")  # a cell that begins so is run by a spreadsheet


def printable(text: object) -> str:
    r"""Returns a text as one line in which nothing acts on a terminal or a reader: what is not printable is escaped.

    Control characters, line ends, marks that turn the direction of text, bytes that are no text: a line end becomes
    the two characters `\n`. `export/edge.py` has its own; tests/trainables/common/test_escaping.py holds them together.
    """
    line = str(text)
    if line.isprintable():
        return line
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in line)


def shortened(line: str) -> str:
    """Returns a line of at most LONGEST characters: of a longer one the middle is left out."""
    if len(line) <= LONGEST:
        return line
    return f"{line[: LONGEST // 2 - 3]} ... {line[-LONGEST // 2 + 3 :]}"


def for_spreadsheet(value: object) -> object:
    """Returns a text as `printable`, with an apostrophe before what a spreadsheet would take for a formula.

    Numbers and all else that is no text are returned as they are.
    """
    if not isinstance(value, str):
        return value
    shown = printable(value)
    return f"'{shown}" if shown.startswith(FORMULA) else shown


def for_markdown(text: str) -> str:
    """Returns a text as `printable`, so that in Markdown it ends no cell, and makes no link, code or HTML tag."""
    return re.sub(r"([|`]|(?<=])\()", r"\\\1", printable(text)).replace("<", "&lt;")
