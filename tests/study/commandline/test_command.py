"""The exit codes of README's table."""

import errno
from collections.abc import Sequence

import pytest

from study.commandline import run_command
from trainables.common import ConfigurationError, DataError, RecordError, UnavailableError


@pytest.mark.parametrize(
    ("raised", "code", "said"),
    [
        (UnavailableError("Ray did not start"), 1, "error: Ray did not start\n"),
        (RecordError("run folder x cannot be written"), 1, "error: run folder x cannot be written\n"),
        (OSError(errno.ENOSPC, "No space left", "/tmp/x"), 1, "error: /tmp/x cannot be written: No space left\n"),
        (ConfigurationError("unknown field"), 2, "error: unknown field\n"),
        (DataError("no such class"), 2, "error: no such class\n"),
        (KeyboardInterrupt(), 130, "stopped; what is finished is recorded, the same command goes on\n"),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, BaseException) else "",
)
def test_what_ends_a_command_is_one_line_and_a_code(
    raised: BaseException, code: int, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    def main(arguments: Sequence[str]) -> int:
        raise raised

    with pytest.raises(SystemExit) as ended:
        run_command(main, [])
    assert ended.value.code == code
    assert capsys.readouterr().err == said
