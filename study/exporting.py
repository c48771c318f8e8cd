"""The command `python -m export STUDY`: the study declares the pairs, export works, tracking logs."""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from study import locations
from study.commandline import DONE, INCOMPLETE, ExportRequest, read_export_request, say, say_left_out
from study.commandline import export_parser as parser  # every command's module has one
from study.locations import Locations
from trainables.common import ConfigurationError, StudyError

if TYPE_CHECKING:
    from export.conversion import GraphForm
    from export.runs import Exported
    from study.deploying import Selection
    from study.evidence import Group
    from study.reporting import AchievedTarget
    from study.studies import Study
    from trainables.data import Images
    from trainables.storage import Record, RunFolder

__all__ = ["export_study", "main", "parser"]

SAMPLE = 32  # images of a large network that --best runs at every optimisation level and batch size


def main(arguments: Sequence[str]) -> int:
    """Exports and verifies what the arguments ask for and returns the exit code."""
    return export_study(read_export_request(arguments))


def export_study(request: ExportRequest) -> int:
    """Writes and verifies the files of a study's runs, says which to deploy, and puts them into MLflow.

    Returns:
        DONE, or INCOMPLETE where a run could not be exported or a required H1 is not reproduced.

    Raises:
        ConfigurationError: an unknown study, no finished runs of what is asked for.
    """
    from export.conversion import GraphForm
    from study.deploying import select
    from study.reporting import answer_of, groups_of
    from study.studies import OWN, find, tool_of
    from trainables.storage import RunFolder

    form = GraphForm(request.opset, request.batch, request.resize_inside)
    runs = request.locations.runs
    folder, study = RunFolder(runs), find([request.study])[0]
    output = request.output or _default_output(runs, study.name)
    groups = groups_of(study, folder)
    if request.defaults is not None:
        tool = tool_of(study, request.defaults)
        groups = [group for group in groups if group.profile == tool]
    if request.keys is not None:
        groups = [group for group in groups if group.keys & request.keys]
    if study.name_parts.base == OWN:
        groups = groups[::-1]  # the newest last, so that the last lines are about it
    selections = [each for group in groups for each in select(group, request, answer_of(group, folder))]
    if not selections:
        raise ConfigurationError(_without_runs(study, request))
    codes = [_export_selection(selection, request, form, folder, output) for selection in selections]
    say(f"files: {output}")
    return max(codes) if not say_left_out(folder) else max(INCOMPLETE, *codes)


def _without_runs(study: "Study", request: ExportRequest) -> str:
    """Returns what is missing where nothing can be exported, and which command makes it."""
    from study.reporting import maker

    declared = " and ".join(f"{arm!r}" for pair in study.pairs[:1] for arm in (pair.treated, pair.control))
    wanted = f"key {request.key}" if request.key else declared or "a pair (it compares nothing; choose with --key)"
    wanted += f" with {request.defaults} defaults" if request.defaults else ""
    runs = request.locations.runs
    return f"{study.name}: no finished runs of {wanted} in {runs}; this makes them: {maker(study.name, runs)}"


def _export_selection(
    selection: "Selection", request: ExportRequest, form: "GraphForm", folder: "RunFolder", output: Path
) -> int:
    """Exports the runs of the arms, prints the table and the H1 verdict, and logs to MLflow; returns the exit code."""
    from study.commandline import console
    from study.reporting import achieved_targets, as_markdown, operating_table, variants_overview, variants_table

    group, target = selection.group, request.target
    achieved = achieved_targets(group, selection.arms, target, folder) if target else []
    records = selection.best_records if request.best else selection.records
    try:
        images_of_size = _load_images(selection.source, records, request.locations, folder)
    except (StudyError, OSError) as error:  # images that are gone
        say(f"error: {error}", sys.stderr)
        return INCOMPLETE
    exported, code = _export_runs(records, selection, request, form, images_of_size, folder, output)
    if not exported:
        return code
    title = f"{group.study.name} ({group.shown_label}), {selection.source}: whole test sets through onnxruntime"
    tables = [variants_table(title, group, exported)]
    if target and achieved:
        tables.append(operating_table(group, achieved, target))
    if request.as_markdown:
        print(as_markdown(group, tables))
    else:
        screen = console()
        for table in [variants_overview(tables[0], screen.width), *tables[1:]]:
            screen.print(table)
    code = max(code, _deploy(selection, exported, request, folder, images_of_size, achieved))
    if request.best or request.every_arm:
        return code
    return max(code, _judge_h1(group, exported, request.require_h1))


def _deploy(
    selection: "Selection",
    exported: "list[Exported]",
    request: ExportRequest,
    folder: "RunFolder",
    images_of_size: "dict[int | None, Images]",
    achieved: "list[AchievedTarget]",
) -> int:
    """Says which file to deploy, if one is good enough, and puts all into MLflow; returns the exit code."""
    from study.deploying import DEPLOY, choose_deployed, lines_on, write_deployed
    from study.reporting import output_folder, own_title

    group, answer = selection.group, None if request.key else selection.answer
    best = [run for run in exported if any(run.record is record for record in selection.best_records)]
    deployed = choose_deployed(best, selection.records, answer, request.target)
    _log(group, exported, best, None if request.key else deployed, request.locations, folder)
    if deployed is None:
        return DONE
    run, variant = deployed
    file, code = run.files[variant], DONE
    if answer is not None:
        place = request.output / DEPLOY if request.output else output_folder(folder, DEPLOY)
        images = images_of_size[_image_size(run.record)]
        try:
            title = own_title(group, folder)
            file, card = write_deployed(place, title, group, answer, deployed, images, request.target, achieved)
        except StudyError as error:  # a full disk, a folder that cannot be written
            say(f"error: {error}", sys.stderr)
            code = INCOMPLETE
        else:
            for line in lines_on(file, card):
                say(line)
            return DONE
    edge = locations.command_line("export.edge", [str(file), "IMAGE"])
    say(f"to deploy (numpy and onnxruntime run it): {edge}")
    return code


def _load_images(
    source: str, records: "list[Record]", places: Locations, folder: "RunFolder"
) -> "dict[int | None, Images]":
    """Returns {image size: the data set at that size}; a search may vary the size."""
    from study.commandline import remembered
    from trainables.data import load_images

    sizes = {_image_size(record) for record in records}
    return {size: load_images(source, places.data_root, size, remembered(folder), on_disk=True) for size in sizes}


def _image_size(record: "Record") -> int | None:
    return record.typed_configuration().data.image_size


def _export_runs(
    records: "list[Record]",
    selection: "Selection",
    request: ExportRequest,
    form: "GraphForm",
    images_of_size: "dict[int | None, Images]",
    folder: "RunFolder",
    output: Path,
) -> "tuple[list[Exported], int]":
    """Returns what was exported, and the exit code: a run that cannot be exported is named, the others go on."""
    from rich.progress import track

    from export.runs import export_run
    from study.commandline import console, is_quiet

    best_records = selection.best_records
    screen = console()
    exported: list[Exported] = []
    code = DONE
    for record in track(records, "exporting", console=screen, disable=is_quiet() or not screen.is_terminal):
        try:
            files = export_run(
                record,
                folder,
                images_of_size[_image_size(record)],
                output / record.key / f"seed-{record.seed}",
                reduced=any(record is best for best in best_records),
                thorough=SAMPLE if request.best else None,
                form=form,
                target=request.target,
            )
        except (StudyError, OSError) as error:  # a wrong file, a damaged run, a full disk
            say(f"error: {record.arm}, seed {record.seed}: {error}", sys.stderr)
            code = INCOMPLETE
        else:
            exported.append(files)
    return exported, code


def _judge_h1(group: "Group", exported: "list[Exported]", required: bool) -> int:
    from study.evidence import REPRODUCED
    from study.reporting import h1_verdicts

    verdicts = h1_verdicts(group, exported)
    if not verdicts:
        print("H1 not judged: it takes a final-BN arm and its control without one", file=sys.stderr)
        return INCOMPLETE if required else DONE
    for found in verdicts:
        difference = found.difference
        bounds = f" [{difference.low:+.3f}, {difference.high:+.3f}]" if difference.n > 1 else ""
        print(
            f"{found.claim.id}, {found.claim.sentence}; through onnxruntime, {found.statistic}: {difference.mean:+.3f}"
            f"{bounds}, n = {difference.n}: {found.verdict}, {found.reason}"
        )
    return DONE if all(found.verdict == REPRODUCED for found in verdicts) or not required else INCOMPLETE


def _log(
    group: "Group",
    exported: "list[Exported]",
    best: "list[Exported]",
    to_deploy: "tuple[Exported, str] | None",
    places: Locations,
    folder: "RunFolder",
) -> None:
    """Puts the files beside their runs in MLflow and registers the best run of each arm; says so where that fails."""
    from study.tracking import CHAMPION, ONNX, open_tracker, register

    uri, study = places.tracking_uri, group.study
    if uri is None:
        return
    try:
        tracker = open_tracker(uri, folder.url)
        for key in dict.fromkeys(run.record.key for run in exported):
            tracker.sync(study, folder.records(study.name, key))
        for run in exported:
            models = list(run.files.values())
            files = [*models, models[0].parent / "verification.json"]
            tracker.log_files(study, run.record.key, run.record.seed, files, ONNX)
        if best:
            name = register(tracker, group, best, to_deploy)
            print(f"registered in MLflow: models:/{name}" + (f"@{CHAMPION}" if to_deploy else ""))
    except StudyError as error:  # MLflow that is away, a record that was damaged meanwhile
        say(f"{error}; the files are not in MLflow", sys.stderr)


def _default_output(runs: str, study: str) -> Path:
    return Path("onnx", study) if locations.is_remote(runs) else Path(runs, "onnx", study)
