"""What people, scripts and attackers give the commands that is wrong: each is refused in one line, and nothing starts.

`python -m tests.contracts.bad_inputs` gives all of it to the commands in turn, in this process, and prints totals and
what was not refused as it has to be; the tests give a part.
"""

import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import get_args

from tests.support.commands import run_here
from tests.support.no_files import Material
from tests.support.refusals import Case, judge, nothing_starts, print_totals
from trainables.configuration.fields import FIELDS
from trainables.configuration.sections import SECTIONS

GRID, SEARCH, REPORT, DOCTOR, EXPORT = "study.grid", "study.search", "study.report", "study.doctor", "export"
FOLD, REMOVE, EDGE, EVALUATE = "export.fold", "export.remove", "export.edge", "export.evaluate"

SECONDS = 2.0  # of CPU time that a refusal may take
NO_NUMBERS = ("nan", "inf", "-inf", "1e309", "", " ", "abc", "0x10", "1,5", "-1", "-1e9", "\x1b[31m1", "1\n2")
NO_COUNTS = (*NO_NUMBERS, "0", "1.5", "1e3", "9" * 20, "9" * 6000)
NO_NAMES = (
    "",
    "~nobody/x",
    "\x1b[31mred",
    "a\nb",
    "exe.\u202egnp",
    "\x00",
    "x" * 300,
    "../../etc/passwd",
    "{{7*7}}",
    "\ud800",
)
SCHEMES = (
    "ftp://host/x",
    "zip://a.zip",
    "https://host/x",
    "simplecache::s3://b/x",
    "nosuch://x",
    "x://\x1b[31m",
    "://",
)


def cases(material: Material) -> Iterator[Case]:
    """Yields every case."""
    yield from _numbers(material)
    yield from _fields(material)
    yield from _paths(material)
    yield from _names(material)
    yield from _places(material)


def _numbers(material: Material) -> Iterator[Case]:
    """Yields every option that takes a number, with what is no such number."""
    of_trials: dict[str, Sequence[str]] = {
        **dict.fromkeys(("--seeds", "--stall-timeout", "--image-size"), NO_COUNTS),
        **dict.fromkeys(("--cpus-per-trial", "--gpus-per-trial"), NO_NUMBERS),
        "--ratio": (*NO_NUMBERS, "0"),
    }
    targets: dict[str, Sequence[str]] = {
        "--target": [f"{kind}={value}" for kind in ("recall", "precision") for value in (*NO_NUMBERS, "0", "2")],
        "--prevalence": (*NO_NUMBERS, "0", "1", "2"),
        "--cost": [f"miss={value},alarm=1" for value in NO_NUMBERS]
        + ["miss=1", "alarm=1,miss", "x=1", "miss=0,alarm=0"],
    }
    values_of: dict[tuple[str, tuple[str, ...]], dict[str, Sequence[str]]] = {
        (GRID, ("digits", "--dry-run")): of_trials,
        (GRID, ("digits", "--dry-run", "--export")): targets,
        (SEARCH, ("digits",)): of_trials | {"--trials": NO_COUNTS, "--tuning-seeds": NO_COUNTS},
        (EXPORT, ("digits",)): targets | {"--opset": NO_COUNTS, "--batch": NO_COUNTS},
        (EDGE, (str(material.model), str(material.photos))): {"--threads": NO_COUNTS},
        (EVALUATE, (str(material.model), f"folder:{material.photos}")): {
            "--threads": NO_COUNTS,
            "--at-least": (*NO_NUMBERS, "2"),
        },
        **{
            (command, (str(material.model), str(material.root / "out.onnx"))): {"--seconds": (*NO_NUMBERS, "0")}
            for command in (FOLD, REMOVE)
        },
    }
    for (command, arguments), values_of_option in values_of.items():
        for option, values in values_of_option.items():
            for value in values:
                yield _case(material, command, f"number {option}", *arguments, f"{option}={value}")


def _fields(material: Material) -> Iterator[Case]:
    """Yields every field of a configuration that takes a number, with what is none; of `study.search`, its space."""
    for name in FIELDS:
        section, _, short = name.partition(".")
        kind = SECTIONS[section].model_fields[short].annotation
        if not {int, float} & {kind, *get_args(kind)}:
            continue
        for value in NO_NUMBERS:
            yield _case(material, GRID, "field --set", "digits", "--dry-run", "--set", f"{name}={value}")
        for value in ("nan", "-1", "abc", "1..", "..", "5..1", "nan..1", "1..inf", "1,1", ""):
            yield _case(material, SEARCH, "field --space", "digits", "--space", f"{name}={value}")


def _paths(material: Material) -> Iterator[Case]:
    """Yields every option that names a file, with what lies there instead."""
    own = ("images", "--data", f"folder:{material.photos}", "--minority", "dark", "--network", "cnn", "--dry-run")
    model, photos = str(material.model), str(material.photos)
    for what, path in material.no_files.items():
        for command, arguments in {GRID: ("digits", "--dry-run"), SEARCH: ("digits",), REPORT: ("digits",),
                                   DOCTOR: (), EXPORT: ("digits",)}.items():  # fmt: skip
            if what != "empty":  # no options
                yield _case(material, command, "path --config", *arguments, "--config", path)
        yield _case(material, GRID, "path --labels", *own, f"--labels={path}")
        yield _case(material, GRID, "path --groups", *own, f"--groups={path}")
        yield _case(material, GRID, "path --weights", "figure2a", "--dry-run", f"--weights={path}")
        yield _case(material, GRID, "path --data", "images", "--dry-run", f"--data=folder:{path}", "--minority", "a")
        yield _case(material, EXPORT, "path --output", "digits", f"--output={path}")
        yield _case(material, REPORT, "path --recorded", "--verdicts", f"--recorded={path}", codes=frozenset({1}))
        for command in (EDGE, EVALUATE):
            images = photos if command == EDGE else f"folder:{photos}"
            yield _case(material, command, "path MODEL", path or "", images)
        if path:  # "" is the folder that one is in
            yield _case(material, EDGE, "path IMAGE", model, path)
            yield _case(material, EVALUATE, "path IMAGES", model, f"folder:{path}")
        yield _case(material, EVALUATE, "path --labels", model, f"folder:{photos}", f"--labels={path}")
        for command in (FOLD, REMOVE):
            yield _case(material, command, "path IN", path, str(material.root / "out.onnx"))
            yield _case(material, command, "path --inputs", model, str(material.root / "out.onnx"), f"--inputs={path}")


def _names(material: Material) -> Iterator[Case]:
    """Yields every option that takes a name, with names that nothing has."""
    own = ("images", "--data", f"folder:{material.photos}", "--network", "cnn", "--dry-run")
    model, photos = str(material.model), str(material.photos)
    for name in NO_NAMES:
        for command in (GRID, SEARCH, REPORT, EXPORT):
            yield _case(material, command, "name STUDY", name)
        for command, more in ((GRID, ("--dry-run",)), (SEARCH, ())):
            for option in ("--defaults", "--data", "--network", "--split"):
                yield _case(material, command, f"name {option}", "digits", *more, f"{option}={name}")
            yield _case(material, command, "name --set", "digits", *more, f"--set={name}=1")
            yield _case(material, command, "name --cut", "figure2a", *more, f"--cut={name or 'x'}")
        yield _case(material, GRID, "name --where", "digits", "--dry-run", f"--where={name}=1")
        yield _case(material, GRID, "name --where VALUE", "digits", "--dry-run", f"--where=final_norm={name}")
        yield _case(material, GRID, "name --minority of a folder", *own, f"--minority={name}")
        for option in ("--arm", "--objective", "--format"):
            yield _case(material, SEARCH, f"name {option}", "digits", f"{option}={name}")
        yield _case(material, SEARCH, "name --space", "digits", f"--space={name}=1..2")
        yield _case(material, REPORT, "name --format", "digits", f"--format={name}")
        for option in ("--key", "--data", "--defaults", "--format"):
            yield _case(material, EXPORT, f"name {option}", "digits", f"{option}={name}")
        for command, images in ((EDGE, photos), (EVALUATE, f"folder:{photos}")):
            yield _case(material, command, "name --provider", model, images, f"--provider={name}")
        yield _case(material, EVALUATE, "name --rare", model, f"folder:{photos}", f"--rare={name}")
        yield _case(material, EVALUATE, "name --class", model, f"folder:{photos}", f"--class={name}")
        for command in (GRID, SEARCH, REPORT, DOCTOR, EXPORT, EDGE, EVALUATE, FOLD, REMOVE):
            yield _case(material, command, "no such option", f"--no{name}")


def _places(material: Material) -> Iterator[Case]:
    """Yields run folders, databases and servers that no one means."""
    places = ("", " ", *SCHEMES)
    for place in places:
        for command, arguments in {GRID: ("digits", "--dry-run"), SEARCH: ("digits",), REPORT: ("digits",),
                                   DOCTOR: (), EXPORT: ("digits",)}.items():  # fmt: skip
            yield Case(command, "place --runs", (*arguments, f"--runs={place}"))
    for what in ("fifo", "socket", "empty", "binary", "loop", "long name"):
        place = material.no_files[what]
        for command, arguments in {GRID: ("digits",), SEARCH: ("digits",), REPORT: ("digits",),
                                   EXPORT: ("digits",)}.items():  # fmt: skip
            codes = frozenset({1, 2})
            yield Case(command, "place --runs, a file", (*arguments, f"--runs={place}"), codes=codes)
    for place in SCHEMES:
        yield _case(material, SEARCH, "place --storage", "digits", f"--storage={place}")


def _case(material: Material, command: str, kind: str, *arguments: str, codes: frozenset[int] = frozenset({2})) -> Case:
    takes_runs = command in (GRID, SEARCH, REPORT, DOCTOR, EXPORT)
    return Case(command, kind, arguments, material.runs if takes_runs else None, codes)


def warm_up(material: Material) -> None:
    """Imports what commands import, which is no part of how long a refusal takes."""
    for case in (
        _case(material, GRID, "", "figure2a", "--dry-run", "--cut=x"),
        _case(material, SEARCH, "", "digits", "--space=x=1..2"),
        _case(material, REPORT, "", "digits"),
        _case(material, EVALUATE, "", str(material.model), f"folder:{material.photos}"),
    ):
        run_here(case.command, *case.arguments, runs=case.runs)


def main() -> int:
    """Gives every case to its command; prints totals of each command and kind, and every fault."""
    with tempfile.TemporaryDirectory() as folder, nothing_starts():
        material = Material(Path(folder))
        warm_up(material)
        verdicts = [judge(case) for case in cases(material)]
        for verdict in verdicts:
            if verdict.seconds > SECONDS:
                verdict.faults.append(f"it takes {verdict.seconds:.1f} s")
        material.close()
    print_totals(verdicts)
    return 1 if any(verdict.faults for verdict in verdicts) else 0


if __name__ == "__main__":
    sys.exit(main())
