"""The command that looks at a set-up before a long run does: `python -m study.doctor`."""

import argparse
import platform
import shutil
from collections.abc import Iterator, Sequence
from contextlib import nullcontext
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING

from study import locations
from study.commandline import DONE, INCOMPLETE, add_locations, make_parser, run_command, runs_folder

if TYPE_CHECKING:
    from trainables.finding import Finding

PACKAGES = ("final-bn", "torch", "torchvision", "ray", "optuna", "mlflow", "onnx")
ENOUGH_DISK = 5.0  # GB


def main(arguments: Sequence[str]) -> int:
    """Checks everything, a line each, and returns 1 where a check failed."""
    args = _parser().parse_args(arguments)
    failed = 0
    for finding in _findings(args):
        print(f"{finding.state:<15} {finding.subject:<20} {finding.detail}", flush=True)
        failed += finding.state == "failed"
    print(f"{failed} checks failed" if failed else "nothing failed")
    return INCOMPLETE if failed else DONE


def _findings(args: argparse.Namespace) -> "Iterator[Finding]":
    runs = runs_folder(args)
    data_root = locations.data_root(args.data_root)
    yield _versions()
    yield _run_folder(runs)
    yield _disk(runs)

    from trainables.data import check_data

    yield from check_data(data_root)

    import torch

    from export.verification import check_installation
    from trainables.finding import Finding

    cuda = torch.cuda.is_available()
    what = ", ".join(torch.cuda.get_device_name(i) for i in range(torch.cuda.device_count())) if cuda else "no device"
    yield Finding("torch CUDA", "ok" if cuda else "not applicable", what)
    yield from check_installation(cuda)

    from study.execution import Lease, check_ray
    from study.tracking import check_tracking
    from study.tuning import check_trial_storage
    from trainables.storage import RunFolder

    with Lease(RunFolder(runs), print) if args.fix else nullcontext():  # what a living driver runs is not left over
        yield check_tracking(locations.tracking_uri(args.tracking_uri, runs), runs, args.fix)
        yield check_trial_storage(args.storage, runs, args.fix)
    yield from check_ray(runs)


def _versions() -> "Finding":
    from trainables.finding import Finding

    found, missing = [f"python {platform.python_version()}"], []
    for package in PACKAGES:
        try:
            found.append(f"{package} {version(package)}")
        except PackageNotFoundError:
            missing.append(package)
    detail = ", ".join(found) + (f"; not installed: {', '.join(missing)}" if missing else "")
    return Finding("versions", "failed" if missing else "ok", detail)


def _run_folder(runs: str) -> "Finding":
    from trainables.errors import RecordError
    from trainables.finding import Finding
    from trainables.storage import RunFolder

    try:
        RunFolder(runs).probe()
    except RecordError as error:
        return Finding("run folder", "failed", str(error))
    return Finding("run folder", "ok", f"{runs} can be written")


def _disk(runs: str) -> "Finding":
    from trainables.finding import Finding

    if locations.is_remote(runs):
        return Finding("disk", "not applicable", "the run folder is remote")
    place = next((path for path in (Path(runs), *Path(runs).parents) if path.exists()), Path("/"))
    free = shutil.disk_usage(place).free / 1e9
    enough = free >= ENOUGH_DISK
    detail = f"{free:.1f} GB free in {place}" + ("" if enough else f"; {ENOUGH_DISK:g} GB should be")
    return Finding("disk", "ok" if enough else "failed", detail)


def _parser() -> argparse.ArgumentParser:
    parser = make_parser(
        "study.doctor", "Check this set-up: one line per check, exit 1 if one failed.", "python -m study.doctor --fix"
    )
    add = parser.add_argument
    add("--fix", action="store_true", help="end runs and trials that a dead driver left RUNNING")
    add("--storage", metavar="URL", help="an Optuna database; default the journal file in the run folder")
    add_locations(parser)
    return parser


if __name__ == "__main__":
    run_command(main)
