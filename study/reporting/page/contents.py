"""The page of a study, with everything it shows read from the run folder; written there, and logged to MLflow."""

import json
import shlex
import sys
from contextlib import suppress
from pathlib import Path

from export.runs import best_arm
from study import locations
from study.commandline import remembered, say
from study.evidence import Group
from study.reporting.figures import svg_figures
from study.reporting.markdown import command_of
from study.reporting.output_files import output_folder, writing
from study.reporting.page.render import Section, WrongImage, most_wrong, render
from study.reporting.predictions import predictions_of
from study.reporting.summary import answer_text, groups_of, tables_of, verdicts_of
from study.reporting.tables import show
from study.studies import Study
from study.tracking import TrackingError, open_tracker
from trainables.common import StudyError
from trainables.data import Images, is_available, is_same_data, load_images
from trainables.evaluation import MINORITY_F1, probabilities_of
from trainables.storage import Record, RunFolder


def write_page(study: Study, folder: RunFolder, data_root: Path, tracking_uri: str | None) -> Path | None:
    """Writes `<runs>/pages/<study>.html`, here where the run folder is remote; None where no run is finished.

    Raises:
        RecordError: a file that the page shows is damaged, or the page cannot be written.
    """
    groups = groups_of(study, folder)
    if not groups:
        return None
    page = render(study, [_section(group, folder, data_root, tracking_uri) for group in groups])
    path = output_folder(folder, "pages") / f"{study.name}.html"
    part = path.with_suffix(".part")
    with writing(path):
        part.write_text(page, encoding="utf-8")
        part.replace(path)
    return path


def publish_page(study: Study, folder: RunFolder, data_root: Path, tracking_uri: str | None) -> Path | None:
    """Writes the page, and puts it beside every group's first treated configuration where MLflow is to be had."""
    path = write_page(study, folder, data_root, tracking_uri)
    if path is None or tracking_uri is None:
        return path
    try:
        tracker = open_tracker(tracking_uri, folder.url)
        tracker.sync(study, folder.records(study.name))
        for group in groups_of(study, folder):
            if group.main_arm:
                tracker.log_files(study, group.first_record(group.main_arm).key, None, [path], "page")
    except TrackingError as error:
        say(f"{error}; the page is not in MLflow", sys.stderr)
    return path


def _section(group: Group, folder: RunFolder, data_root: Path, tracking_uri: str | None) -> Section:
    shown, answer = group.main_arm, answer_text(group, folder)
    return Section(
        group=group,
        verdicts=verdicts_of(group),
        tables=tables_of(group, folder),
        figures=list(svg_figures(group, folder).items()),
        wrong=_wrong_images(group, shown, folder, data_root) if shown else [],
        wrong_of=shown,
        answer=answer,
        best=_best(group) if shown and answer is None else "",
        places=_places(group, folder, tracking_uri),
    )


def _places(group: Group, folder: RunFolder, tracking_uri: str | None) -> dict[str, str]:
    """Returns {what: where it is, or the command that makes it}."""
    again = f"{command_of(group)} --runs {shlex.quote(folder.url)}"
    places = {"again": again, "runs": f"{folder.url}/{group.study.name}"}
    source = group.first_record(next(iter(group.records))).typed_configuration().data.source
    own_folder = remembered(folder).get(source)
    if own_folder:
        places["images"] = own_folder.path
    if tracking_uri:
        words = [group.study.name, "--browse", "--runs", folder.url]
        words += [] if tracking_uri == locations.tracking_uri(None, folder.url) else ["--tracking-uri", tracking_uri]
        places["MLflow"] = locations.command_line("study.report", words)
    deployed = _deployed(group, folder)
    if deployed:
        places |= {"file to deploy": str(deployed), "model card": str(deployed.with_suffix(".md"))}
    models = Path(folder.url, "onnx", group.study.name)
    if not locations.is_remote(folder.url) and models.is_dir():
        places["ONNX files"] = str(models)
    else:
        places["ONNX files"] = locations.command_line("export", [group.study.name, "--runs", folder.url])
    return places


def _deployed(group: Group, folder: RunFolder) -> Path | None:
    """Returns the file of the group's runs that was written last to be deployed, by its model card."""
    cards = output_folder(folder, "deploy").glob("*.json")
    for card in sorted(cards, key=lambda path: path.stat().st_mtime, reverse=True):
        with suppress(OSError, ValueError, AttributeError):  # somebody's own file
            said = json.loads(card.read_text(encoding="utf-8"))
            if (said.get("refit_of") or said.get("key")) in group.keys:
                return card.with_name(f"{card.stem}.onnx")
    return None


def _best(group: Group) -> str:
    """Says which arm has the best mean validation F1 of the minority, and what it does on test images.

    Only arms on the images and classes of the one that the group is about are compared; "" where it is alone.
    """
    arms = group.arms_on_same_classes(group.main_arm)
    if len(arms) < 2:
        return ""
    best = best_arm(record for arm in arms for record in group.records[arm].values())
    f1 = show(group.interval(best, MINORITY_F1))
    return f"Best of {len(arms)} arms on validation images: {best}. On test images its F1 of the rare class is {f1}."


def _wrong_images(group: Group, arm: str, folder: RunFolder, data_root: Path) -> list[WrongImage]:
    """Returns the most confidently wrong test images of an arm's first seed; none where the images are not at hand."""
    predictions = predictions_of(group, folder)(arm)
    record = group.records[arm][min(group.records[arm])]
    images = _images_of(record, folder, data_root)
    if predictions is None or images is None:
        return []
    configuration = record.typed_configuration()
    class_names = configuration.data.classes
    p = probabilities_of(configuration.network.output, predictions["scores"])
    wrong_images = []
    for row in most_wrong(p, predictions["labels"]):
        position = predictions["positions"][row]
        wrong_images.append(
            WrongImage(
                pixels=images.pixels[position : position + 1][0],
                name=images.sample_names[position],
                label=class_names[predictions["labels"][row]],
                decided=class_names[p[row].argmax()],
                probability=float(p[row].max()),
            )
        )
    return wrong_images


def _images_of(record: Record, folder: RunFolder, data_root: Path) -> Images | None:
    """Returns the images that a run learned from; None where they are not here, or are others by now."""
    data, own_folders = record.typed_configuration().data, remembered(folder)
    try:
        if not is_available(data.source, data_root) and data.source not in own_folders:
            return None
        images = load_images(data.source, data_root, data.image_size, own_folders, on_disk=True)
    except StudyError:
        return None
    return images if is_same_data(data.source, images.fingerprint, record.data_fingerprint) else None
