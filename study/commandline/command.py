"""What all commands share: strict arguments, exit codes, and one clear line for what a user can cause."""

import argparse
import errno
import logging
import os
import signal
import sys
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from importlib import import_module

from study import locations
from study.commandline.stopping import Stopped, leave_terminal, stop_on_signals
from study.locations import Locations
from trainables.common import StudyError, UnavailableError, printable, shortened

DONE, INCOMPLETE, WRONG_USAGE = 0, 1, 2
MOST_SEEDS = 10_000
LONGEST_COUNT = 18  # digits


def add_locations(parser: argparse.ArgumentParser) -> None:
    """Adds the options that say where runs, MLflow and data lie."""
    add = parser.add_argument
    add("--runs", metavar="DIR", help=f"run folder or URL; default ${locations.RUNS_VARIABLE}, else ./runs")
    add("--tracking-uri", metavar="URI", help=f"MLflow; default ${locations.MLFLOW_VARIABLE}, else in the run folder")
    add("--data-root", metavar="DIR", help=f"data; default ${locations.DATA_VARIABLE}, else ~/.cache/final-bn")


def read_locations(args: argparse.Namespace) -> Locations:
    """Returns where runs, MLflow and data lie.

    Inside a Ray job, whose working directory is temporary, a line on stderr says where runs go.

    Raises:
        ConfigurationError: a path that cannot be made absolute.
    """
    runs = locations.runs_folder(args.runs)
    if locations.inside_ray_job():
        print(printable(f"inside a Ray job: runs go to {runs}"), file=sys.stderr, flush=True)
    data_root, tracking_uri = locations.data_root(args.data_root), locations.tracking_uri(args.tracking_uri, runs)
    words = ["--runs", runs]
    words += [] if data_root == locations.data_root(None) else ["--data-root", str(data_root)]
    words += [] if tracking_uri == locations.tracking_uri(None, runs) else ["--tracking-uri", str(tracking_uri)]
    return Locations(runs, tracking_uri, data_root, tuple(words))


def add_resources(parser: argparse.ArgumentParser) -> None:
    """Adds the options that say what Ray reserves for a trial, and how long one may be silent."""
    add = parser.add_argument
    default = "1 for backbones that run in every step, where the cluster has GPUs, else 0"
    add("--gpus-per-trial", type=amount, metavar="G", help=f"may be a fraction; default {default}")
    add("--cpus-per-trial", type=amount, default=1.0, metavar="C", help="default 1")
    silent = "end a trial that was silent for so long, and try it again; default never"
    add("--stall-timeout", type=positive, metavar="SECONDS", help=silent)


def positive(text: str) -> int:
    """Returns a count >= 1; raises as argparse wants."""
    if not text.isdecimal() or len(text) > LONGEST_COUNT or int(text) < 1:
        raise argparse.ArgumentTypeError(f"got {text!r}; a whole number of at least 1 is allowed")
    return int(text)


def up_to(largest: int) -> Callable[[str], int]:
    """Returns a parser of counts from 1 to `largest`; it raises as argparse wants."""

    def count(text: str) -> int:
        if (value := positive(text)) > largest:
            raise argparse.ArgumentTypeError(f"got {text!r}; at most {largest} is allowed")
        return value

    return count


def named(text: str) -> str:
    """Returns a name, a path or a pattern as it is; raises as argparse wants where there is none."""
    if not text.strip():
        raise argparse.ArgumentTypeError(f"got {text!r}; leave the option out for its default")
    return text


def amount(text: str) -> float:
    """Returns a number >= 0; raises as argparse wants."""
    try:
        value = float(text)
    except ValueError:
        value = -1
    if not 0 <= value < float("inf"):
        raise argparse.ArgumentTypeError(f"got {text!r}; a number of at least 0 is allowed")
    return value


def assignment(text: str) -> tuple[str, str]:
    """Returns (FIELD, VALUE) of FIELD=VALUE; raises as argparse wants."""
    name, equals, value = text.partition("=")
    if not (name and equals):
        raise argparse.ArgumentTypeError(f"got {text!r}; the form is FIELD=VALUE")
    return name.strip(), value.strip()


def import_meanwhile(*modules: str) -> None:
    """Imports in the background what a command needs only after it has waited for something else."""
    threading.Thread(target=lambda: [import_module(name) for name in modules], daemon=True).start()


def run_command(main: Callable[[Sequence[str]], int], arguments: Sequence[str] | None = None) -> None:
    """Runs a command and exits with its code; a StudyError is one line and exit 2, or 1 where something is away.

    Told to stop, by Ctrl-C, SIGTERM or a closed terminal, it says one line and exits with 130 or 143.
    """
    # A thread that waits for another sleeps instead of spinning: on a busy machine a small step is 30 times as fast.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # read where torch is loaded, here and in Ray's processes
    logging.basicConfig(
        level=os.environ.get("FINALBN_LOG", "WARNING").upper(), format="%(levelname)s %(name)s: %(message)s"
    )
    try:
        with stop_on_signals():
            code = main(sys.argv[1:] if arguments is None else arguments)
    except UnavailableError as error:
        print(shortened(printable(f"error: {error}")), file=sys.stderr)
        code = INCOMPLETE
    except StudyError as error:
        print(shortened(printable(f"error: {error}")), file=sys.stderr)
        code = WRONG_USAGE
    except KeyboardInterrupt as interrupt:
        stopped = interrupt if isinstance(interrupt, Stopped) else Stopped(signal.SIGINT)
        by = "" if stopped.number == signal.SIGINT else f" by {stopped}"
        with suppress(OSError):
            print(f"stopped{by}; what is finished is recorded, the same command goes on", file=sys.stderr, flush=True)
        code = stopped.code
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            print(f"error: {error.filename or 'a file'} cannot be written: {error.strerror}", file=sys.stderr)
        elif error.errno in (errno.EPIPE, errno.EIO):
            leave_terminal()  # nobody reads any more: `| head`, a terminal that is gone
        else:
            raise
        code = INCOMPLETE
    sys.exit(code)
