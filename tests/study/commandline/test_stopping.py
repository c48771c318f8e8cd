"""A command that is told to stop says one line and exits with 130 or 143."""

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from study.commandline.stopping import SECONDS_OF_PATIENCE

ROOT = Path(__file__).parents[3]
COMMAND = """
import signal, sys, time
from study.commandline import run_command

def main(arguments):
    try:
        print("begun", flush=True)
        time.sleep(30)
    finally:
        time.sleep(float(arguments[0]))  # as a lease, MLflow and Ray take
        print("ended cleanly", flush=True)

{before}
run_command(main, sys.argv[1:])
"""


def _as_in_a_terminal() -> None:
    """Undoes what these tests may be run under: a shell's background ignores Ctrl-C, `nohup` a closed terminal."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGHUP, signal.SIG_DFL)


def _start(seconds_to_end: float | str = 0.5, before: str = "") -> "subprocess.Popen[str]":
    program = [sys.executable, "-c", COMMAND.format(before=before), str(seconds_to_end)]
    process = subprocess.Popen(
        program, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        preexec_fn=_as_in_a_terminal,
    )  # fmt: skip
    assert process.stdout is not None
    assert process.stdout.readline() == "begun\n"
    return process


@pytest.mark.parametrize(
    ("number", "code", "by"),
    [(signal.SIGINT, 130, ""), (signal.SIGTERM, 143, " by SIGTERM"), (signal.SIGHUP, 143, None)],
    ids=["Ctrl-C", "SIGTERM", "closed terminal"],
)
def test_each_signal_ends_it_cleanly_in_one_line(number: signal.Signals, code: int, by: str | None) -> None:
    process = _start()
    process.send_signal(number)
    process.send_signal(signal.SIGTERM)  # as `timeout` does: to the command and to its group
    output, errors = process.communicate(timeout=20)
    assert process.returncode == code
    if by is None:  # nobody is there to read it
        assert (output, errors) == ("", "")
    else:
        assert output == "ended cleanly\n"
        assert errors == f"stopped{by}; what is finished is recorded, the same command goes on\n"


def test_ctrl_c_again_does_not_wait() -> None:
    process = _start(seconds_to_end=25)
    process.send_signal(signal.SIGINT)
    with pytest.raises(subprocess.TimeoutExpired):
        process.wait(SECONDS_OF_PATIENCE + 1)
    process.send_signal(signal.SIGINT)
    assert process.wait(10) == 130
    process.communicate()


def test_what_goes_wrong_on_the_way_out_is_still_the_end_that_was_asked_for() -> None:
    process = _start("a number no more")  # float() of it raises
    process.send_signal(signal.SIGTERM)
    _, errors = process.communicate(timeout=20)
    assert process.returncode == 143
    assert errors == "stopped by SIGTERM; what is finished is recorded, the same command goes on\n"


def test_a_signal_that_is_ignored_stays_so() -> None:
    process = _start(before="signal.signal(signal.SIGHUP, signal.SIG_IGN)")  # nohup
    process.send_signal(signal.SIGHUP)
    process.send_signal(signal.SIGTERM)
    _, errors = process.communicate(timeout=20)
    assert process.returncode == 143
    assert "by SIGTERM" in errors
