"""The command `python -m export STUDY`: the study declares the pairs, export works, tracking logs."""

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from study import locations
from study.commandline import DONE, INCOMPLETE, ExportRequest, read_export_request, say, say_left_out
from study.commandline import export_parser as parser  # every command's module has one
from study.locations import Locations
from trainables.errors import ConfigurationError, StudyError

if TYPE_CHECKING:
    from export.conversion import GraphForm
    from export.runs import Exported
    from study.evidence import Group
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
    from study.reporting import groups_of
    from study.studies import find, tool_of
    from trainables.storage import RunFolder

    form = GraphForm(request.opset, request.batch, request.resize_inside)
    runs = request.locations.runs
    folder, study = RunFolder(runs), find([request.study])[0]
    output = request.output or _default_output(runs, study.name)
    groups = groups_of(study, folder)
    if request.defaults is not None:
        tool = tool_of(study, request.defaults)
        groups = [group for group in groups if group.profile == tool]
    selections = [_Selection(group, tuple(arms)) for group in groups for arms in _arms_to_export(group, request)]
    if not selections:
        raise ConfigurationError(_without_runs(study, request))
    codes = [_export_selection(selection, request, form, folder, output) for selection in selections]
    say(f"files: {output}")
    return max(codes) if not say_left_out(folder) else max(INCOMPLETE, *codes)


@dataclass(frozen=True)
class _Selection:
    """Arms of a group that are exported together: they tell the same classes of the same images apart."""

    group: "Group"
    arms: tuple[str, ...]

    @property
    def records(self) -> "list[Record]":
        """Every run of the arms."""
        records_of = self.group.records
        return [records_of[arm][seed] for arm in self.arms for seed in sorted(records_of[arm])]

    @property
    def best_records(self) -> "list[Record]":
        """The run of each arm with the best validation F1."""
        from export.runs import best_run

        return [best_run(self.group.records[arm].values()) for arm in self.arms]

    @property
    def source(self) -> str:
        """The data set of the arms."""
        return self.group.configuration(self.arms[0]).data.source


def _arms_to_export(group: "Group", request: ExportRequest) -> list[list[str]]:
    """Returns the arms to export together: of the one key, else the first declared pair with records of every data set.

    With --all every arm, those on the same images and classes together; with --best also the arm that validation likes
    best among those.
    """
    from export.runs import best_arm

    source_of = {arm: group.configuration(arm).data.source for arm in group.records}
    arms = [arm for arm, source in source_of.items() if request.source in (None, source)]
    if request.key:
        return [[arm] for arm in arms if group.first_record(arm).key == request.key]
    if request.every_arm:
        return [list(alike) for alike in dict.fromkeys(tuple(group.arms_on_same_classes(arm)) for arm in arms)]
    pair_of_source: dict[str, list[str]] = {}
    for pair in group.study.pairs:
        if pair.treated in arms and pair.control in arms:
            pair_of_source.setdefault(source_of[pair.treated], [pair.treated, pair.control])
    if not request.best:
        return list(pair_of_source.values())
    selections = []
    for treated, control in pair_of_source.values():
        best = best_arm(record for arm in group.arms_on_same_classes(treated) for record in group.records[arm].values())
        selections.append(list(dict.fromkeys((best, treated, control))))
    return selections


def _without_runs(study: "Study", request: ExportRequest) -> str:
    """Returns what is missing where nothing can be exported, and which command makes it."""
    from study.reporting import maker

    declared = " and ".join(f"{arm!r}" for pair in study.pairs[:1] for arm in (pair.treated, pair.control))
    wanted = f"key {request.key}" if request.key else declared or "a pair (it compares nothing; choose with --key)"
    wanted += f" with {request.defaults} defaults" if request.defaults else ""
    runs = request.locations.runs
    return f"{study.name}: no finished runs of {wanted} in {runs}; this makes them: {maker(study.name, runs)}"


def _export_selection(
    selection: _Selection, request: ExportRequest, form: "GraphForm", folder: "RunFolder", output: Path
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
    _deploy(selection, exported, request, folder)
    if request.best or request.every_arm:
        return code
    return max(code, _judge_h1(group, exported, request.require_h1))


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
    selection: _Selection,
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


def _deploy(selection: _Selection, exported: "list[Exported]", request: ExportRequest, folder: "RunFolder") -> None:
    """Says which file to deploy, if one is good enough, and puts all into MLflow."""
    from export.runs import best_arm, champion

    best_records = selection.best_records
    best = [run for run in exported if any(run.record is record for record in best_records)]
    arm = best_arm(selection.records)
    is_exported = arm in {run.record.arm for run in best}
    to_deploy = champion(best, selection.records) if is_exported else None
    _log(selection.group, exported, best, None if request.key else to_deploy, request.locations, folder)
    if to_deploy is None:
        why = "finds the rare class as the trained network does" if is_exported else "was exported"
        print(f"nothing to deploy: of the best arm by validation, {arm}, no exact file {why}", file=sys.stderr)
        return
    run, variant = to_deploy
    edge = locations.command_line("export.edge", [str(run.files[variant]), "IMAGE"])
    say(f"to deploy (numpy and onnxruntime run it): {edge}")


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
