"""The command `python -m export STUDY`: the study declares the pairs, export works, tracking logs."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from study import locations
from study.commandline import DONE, INCOMPLETE, add_locations, make_parser, runs_folder

if TYPE_CHECKING:
    from export.runs import Exported
    from study.evidence import Group
    from trainables.storage import Record, RunFolder

SAMPLE = 32  # images of a large network that --best runs at every optimisation level and batch size


def main(arguments: Sequence[str]) -> int:
    """Exports and verifies what the arguments ask for and returns the exit code."""
    args = _parser().parse_args(arguments)

    from study.reporting import groups_of, maker
    from study.studies import find
    from trainables.errors import ConfigurationError
    from trainables.storage import RunFolder

    if args.require_h1 and (args.best or args.all):
        raise ConfigurationError("--require-h1 judges all seeds of the declared pair; not with --best or --all")
    if args.key and args.all:
        raise ConfigurationError("--key exports one configuration; not with --all")
    runs = runs_folder(args)
    folder, study = RunFolder(runs), find([args.study])[0]
    output = Path(args.output) if args.output else _default_output(runs, study.name)
    selections = [(found, arms) for found in groups_of(study, folder) for arms in _arms(found, args)]
    if not selections:
        first = " and ".join(f"{arm!r}" for pair in study.pairs[:1] for arm in (pair.treated, pair.control))
        wanted = f"key {args.key}" if args.key else first or "a pair (it compares nothing; choose with --key)"
        raise ConfigurationError(
            f"{study.name}: no finished runs of {wanted} in {runs}; {maker(study.name)} makes them"
        )
    codes = [_export_arms(found, arms, folder, output, args) for found, arms in selections]
    print(f"files: {output}")
    return max(codes)


def _export_arms(found: "Group", arms: list[str], folder: "RunFolder", output: Path, args: argparse.Namespace) -> int:
    """Exports every seed of the arms, prints the table and the H1 verdict, and logs to MLflow."""
    from rich.progress import track

    from export.runs import best_run, export_run
    from study.commandline import console, remembered
    from study.reporting import as_markdown, variants_table
    from trainables.data import load_images
    from trainables.errors import StudyError

    best = {arm: best_run(found.records[arm].values()) for arm in arms}
    every = [found.records[arm][seed] for arm in arms for seed in sorted(found.records[arm])]
    records = list(best.values()) if args.best else every
    screen = console()
    exported: list[Exported] = []
    code = DONE
    size_of = {record.key: record.typed_configuration().data.image_size for record in records}  # a search may vary it
    source, root = found.configuration(arms[0]).data.source, locations.data_root(args.data_root)
    try:
        images = {size: load_images(source, root, size, remembered(folder)) for size in set(size_of.values())}
    except (StudyError, OSError) as error:  # images that are gone
        print(f"error: {error}", file=sys.stderr)
        return INCOMPLETE
    for record in track(records, "exporting", console=screen, disable=not screen.is_terminal):
        place = output / record.key / f"seed-{record.seed}"
        thorough = SAMPLE if args.best else None
        try:
            its, reduced = images[size_of[record.key]], record is best[record.arm]
            done = export_run(record, folder, its, place, reduced=reduced, thorough=thorough)
        except (StudyError, OSError) as error:  # a wrong file, a damaged run, a full disk: the others go on
            print(f"error: {record.arm}, seed {record.seed}: {error}", file=sys.stderr)
            code = INCOMPLETE
        else:
            exported.append(done)
    if not exported:
        return code
    title = f"{found.study.name} ({found.label}), {source}: whole test sets through onnxruntime"
    table = variants_table(title, found, exported)
    if args.format == "markdown":
        print(as_markdown(found, [table]))
    else:
        screen.print(table)
    _deploy(found, exported, [done for done in exported if done.record is best[done.record.arm]], every, folder, args)
    return max(code, DONE if args.best or args.all else _judge_h1(found, exported, args.require_h1))


def _deploy(
    found: "Group", exported: "list[Exported]", best: "list[Exported]", every: "list[Record]", folder: "RunFolder",
    args: argparse.Namespace,
) -> None:  # fmt: skip
    """Says which file to deploy, if one is good enough, and puts all into MLflow."""
    from export.runs import best_arm, champion

    arm = best_arm(every)
    there = arm in {done.record.arm for done in best}
    to_deploy = champion(best, every) if there else None
    _log(found, exported, best, None if args.key else to_deploy, folder, args)
    if to_deploy is None:
        why = "finds the rare class as the trained network does" if there else "was exported"
        print(f"nothing to deploy: of the best arm by validation, {arm}, no exact file {why}", file=sys.stderr)
        return
    done, variant = to_deploy
    print(f"to deploy (numpy and onnxruntime run it): python -m export.edge {done.files[variant]} IMAGE")


def _arms(found: "Group", args: argparse.Namespace) -> list[list[str]]:
    """The arms to export together: of the one key, else the first declared pair with records of every data set.

    With --all every arm, those on the same images and classes together; with --best also the arm that validation likes
    best among those.
    """
    from export.runs import best_arm

    data = {arm: found.configuration(arm).data for arm in found.records}
    data = {arm: its for arm, its in data.items() if args.data in (None, its.source)}
    if args.key:
        return [[arm] for arm in data if found.first_record(arm).key == args.key]
    if args.all:
        return [list(arms) for arms in dict.fromkeys(tuple(found.alike(arm)) for arm in data)]
    first: dict[str, list[str]] = {}
    for pair in found.study.pairs:
        if pair.treated in data and pair.control in data:
            first.setdefault(data[pair.treated].source, [pair.treated, pair.control])
    if not args.best:
        return list(first.values())
    selections = []
    for treated, control in first.values():
        liked = best_arm(record for arm in found.alike(treated) for record in found.records[arm].values())
        selections.append(list(dict.fromkeys((liked, treated, control))))
    return selections


def _judge_h1(group: "Group", exported: "list[Exported]", required: bool) -> int:
    from study.evidence import REPRODUCED, decide
    from study.reporting import h1_statistic

    statistic = h1_statistic(group, exported)
    if statistic is None:
        print("H1 not judged: it takes a final-BN arm and its control without one", file=sys.stderr)
        return INCOMPLETE if required else DONE
    verdict, reason = decide(statistic)
    bounds = f"[{statistic.low:+.3f}, {statistic.high:+.3f}], " if statistic.n > 1 else ""
    print(
        f"H1 (removed - none) - 0.5 (final - none), minority F1 through onnxruntime: {statistic.mean:+.3f} "
        f"{bounds}n = {statistic.n}: {verdict}, {reason}"
    )
    return INCOMPLETE if required and verdict != REPRODUCED else DONE


def _log(
    found: "Group", exported: "list[Exported]", best: "list[Exported]", to_deploy: "tuple[Exported, str] | None",
    folder: "RunFolder", args: argparse.Namespace,
) -> None:  # fmt: skip
    """Puts the files beside their runs in MLflow and registers the best run of each arm; says so where that fails."""
    from study.tracking import CHAMPION, ONNX, open_tracker, register
    from trainables.errors import StudyError

    uri, study = locations.tracking_uri(args.tracking_uri, folder.url), found.study
    if uri is None:
        return
    try:
        tracker = open_tracker(uri, folder.url)
        for key in dict.fromkeys(done.record.key for done in exported):
            tracker.sync(study, folder.records(study.name, key))
        for done in exported:
            first = next(iter(done.files.values()))
            files = [*done.files.values(), first.parent / "verification.json"]
            tracker.log_files(study, done.record.key, done.record.seed, files, ONNX)
        if best:
            name = register(tracker, found, best, to_deploy)
            print(f"registered in MLflow: models:/{name}" + (f"@{CHAMPION}" if to_deploy else ""))
    except StudyError as error:  # MLflow that is away, a record that was damaged meanwhile
        print(f"{error}; the files are not in MLflow", file=sys.stderr)


def _default_output(runs: str, study: str) -> Path:
    return Path("onnx", study) if locations.is_remote(runs) else Path(runs, "onnx", study)


def _parser() -> argparse.ArgumentParser:
    parser = make_parser(
        "export", "Write a study's final-BN models as ONNX (kept, folded, removed, none) and verify each.",
        "python -m export digits --require-h1",
    )  # fmt: skip
    add = parser.add_argument
    add("study", metavar="STUDY", help="a study with finished runs")
    add("--key", metavar="KEY", help="one configuration instead of the study's declared pair")
    add("--output", metavar="DIR", help="default: onnx/STUDY in the run folder, here if that is a URL")
    add("--data", metavar="SOURCE", help="only these data: plantvillage:Apple, or folder:... as study.grid prints")
    add("--all", action="store_true", help="every arm instead of the study's first declared pair")
    add("--best", action="store_true", help="only the run of each arm with the best validation F1, and the best arm")
    add("--format", choices=("table", "markdown"), default="table")
    add("--require-h1", action="store_true", help="fail (exit 1) unless H1 is reproduced")
    add_locations(parser)
    return parser
