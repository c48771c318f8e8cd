"""What does every room stand on? Errors, findings, seeds, lazy lists, how files are read and text is shown."""

from trainables.common.errors import (
    ConfigurationError,
    DataError,
    NonFiniteLossError,
    RecordError,
    StudyError,
    UnavailableError,
    first_line,
)
from trainables.common.escaping import FORMULA, LONGEST, for_markdown, for_spreadsheet, printable, shortened
from trainables.common.finding import Finding
from trainables.common.lazy import public_names
from trainables.common.regular_file import (
    GIB,
    MIB,
    NotRegularError,
    check_regular,
    open_regular,
    read_regular,
    sha256_of_regular,
)
from trainables.common.seeding import generator, seed_for

__all__ = [
    "FORMULA",
    "GIB",
    "LONGEST",
    "MIB",
    "ConfigurationError",
    "DataError",
    "Finding",
    "NonFiniteLossError",
    "NotRegularError",
    "RecordError",
    "StudyError",
    "UnavailableError",
    "check_regular",
    "first_line",
    "for_markdown",
    "for_spreadsheet",
    "generator",
    "open_regular",
    "printable",
    "public_names",
    "read_regular",
    "seed_for",
    "sha256_of_regular",
    "shortened",
]
