"""The command that looks at a set-up before a long run does: `python -m study.doctor`."""

import argparse
import platform
import shutil
import sys
from collections.abc import Iterator, Sequence
from contextlib import nullcontext
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from textwrap import wrap
from typing import TYPE_CHECKING

from study import locations
from study.commandline import DONE, INCOMPLETE, add_locations, make_parser, read_locations, run_command, say

if TYPE_CHECKING:
    from study.locations import Locations
    from trainables.common import Finding

PACKAGES = ("final-bn", "torch", "torchvision", "ray", "optuna", "mlflow", "onnx")
ENOUGH_DISK = 5.0  # GB


def main(arguments: Sequence[str]) -> int:
    """Checks everything, a line each, and returns 1 where a check failed."""
    args = parser().parse_args(arguments)
    num_failed = 0
    for finding in _findings(read_locations(args), args.storage, args.fix):
        for line in _lines(f"{finding.state:<15} {finding.subject:<20} {finding.detail}"):
            say(line)
        num_failed += finding.state == "failed"
    print(f"{num_failed} check{'' if num_failed == 1 else 's'} failed" if num_failed else "nothing failed")
    return INCOMPLETE if num_failed else DONE


def parser() -> argparse.ArgumentParser:
    """Returns the parser of this command's arguments."""
    command = make_parser(
        "study.doctor", "Check this set-up: one line per check, exit 1 if one failed.", "python -m study.doctor --fix"
    )
    add = command.add_argument
    add("--fix", action="store_true", help="end runs and trials that a dead driver left RUNNING")
    add("--storage", metavar="URL", help="an Optuna database; default the journal file in the run folder")
    add_locations(command)
    return command


def _lines(text: str) -> list[str]:
    """Returns the lines of a finding: its words whole on a terminal, details below one another; in a file one line."""
    if not sys.stdout.isatty():
        return [text]
    columns = shutil.get_terminal_size().columns
    return wrap(text, columns, subsequent_indent=" " * 37, break_long_words=False, break_on_hyphens=False)


def _findings(places: "Locations", storage: str | None, fix: bool) -> "Iterator[Finding]":
    """Yields what every check comes to; `fix` also mends what a dead driver left behind."""
    runs = places.runs
    yield _versions()
    yield _run_folder(runs)
    yield _disk(runs)

    from trainables.data import check_data

    yield from check_data(places.data_root)

    import torch

    from export.verification import check_installation
    from trainables.common import Finding

    cuda = torch.cuda.is_available()
    devices = [torch.cuda.get_device_name(index) for index in range(torch.cuda.device_count())] if cuda else []
    yield Finding("torch CUDA", "ok" if cuda else "not applicable", ", ".join(devices) or "no device")
    yield from check_installation(cuda)

    from study.execution import Lease, check_ports, check_ray
    from study.tracking import check_tracking
    from study.tuning import check_trial_storage
    from trainables.storage import RunFolder

    with Lease(RunFolder(runs), say) if fix else nullcontext():  # what a living driver runs is not left over
        yield check_tracking(places.tracking_uri, runs, fix)
        yield check_trial_storage(storage, runs, fix)
    yield from check_ray(runs)
    yield check_ports()


def _versions() -> "Finding":
    from trainables.common import Finding

    installed, missing = [f"python {platform.python_version()}"], []
    for package in PACKAGES:
        try:
            installed.append(f"{package} {version(package)}")
        except PackageNotFoundError:
            missing.append(package)
    detail = ", ".join(installed) + (f"; not installed: {', '.join(missing)}" if missing else "")
    return Finding("versions", "failed" if missing else "ok", detail)


def _run_folder(runs: str) -> "Finding":
    from trainables.common import Finding, RecordError
    from trainables.storage import RunFolder

    try:
        RunFolder(runs).probe()
    except RecordError as error:
        return Finding("run folder", "failed", str(error))
    return Finding("run folder", "ok", f"{runs} can be written")


def _disk(runs: str) -> "Finding":
    from trainables.common import Finding

    if locations.is_remote(runs):
        return Finding("disk", "not applicable", "the run folder is remote")
    existing = next((path for path in (Path(runs), *Path(runs).parents) if path.exists()), Path("/"))
    free = shutil.disk_usage(existing).free / 1e9
    is_enough = free >= ENOUGH_DISK
    detail = f"{free:.1f} GB free in {existing}" + ("" if is_enough else f"; {ENOUGH_DISK:g} GB should be")
    return Finding("disk", "ok" if is_enough else "failed", detail)


if __name__ == "__main__":
    run_command(main)
