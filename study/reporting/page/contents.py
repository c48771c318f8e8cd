"""The page of a study, with everything it shows read from the run folder; written there, and logged to MLflow."""

import shlex
import sys
from pathlib import Path

import numpy as np

from export.runs import best_arm
from study import locations
from study.commandline import remembered
from study.evidence import Group
from study.reporting.figures.figures import predictions_of, save_figures, writing
from study.reporting.markdown import command_of
from study.reporting.page.render import Section, Wrong, most_wrong, render
from study.reporting.summary import groups_of, tables_of, verdicts_of
from study.reporting.tables.tables import show
from study.studies import Study
from study.tracking import TrackingError, open_tracker
from trainables.data import is_available, load_images
from trainables.errors import StudyError
from trainables.evaluation import MINORITY_F1, probabilities_of
from trainables.storage import RunFolder


def write_page(study: Study, folder: RunFolder, data_root: Path, tracking_uri: str | None) -> Path | None:
    """Writes `<runs>/pages/<study>.html`, here where the run folder is remote; None where no run is finished."""
    groups = groups_of(study, folder)
    if not groups:
        return None
    sections = [_section(group, folder, data_root, tracking_uri) for group in groups]
    place = Path("pages") if locations.is_remote(folder.url) else Path(folder.url, "pages")
    path = place / f"{study.name}.html"
    part = path.with_suffix(".part")
    page = render(study, sections)
    with writing(path):
        place.mkdir(parents=True, exist_ok=True)
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
            if group.shown:
                tracker.log_files(study, group.first_record(group.shown).key, None, [path], "page")
    except TrackingError as error:
        print(f"{error}; the page is not in MLflow", file=sys.stderr)
    return path


def _section(group: Group, folder: RunFolder, data_root: Path, tracking_uri: str | None) -> Section:
    shown = group.shown
    wrong = _wrong(group, shown, folder, data_root) if shown else []
    where = {"again": command_of(group), "runs": f"{folder.url}/{group.study.name}"}
    data, name = next(iter(next(iter(group.records.values())).values())).typed_configuration().data, ""
    if data.source in (known := remembered(folder)):
        where["images"] = known[data.source].path
        name = f"{', '.join(data.minority)} in {Path(known[data.source].path).name}"
    if tracking_uri:
        where["MLflow"] = locations.browse(tracking_uri)
    where["ONNX files"] = f"python -m export {group.study.name} --runs {shlex.quote(folder.url)}"
    models = Path(folder.url, "onnx", group.study.name)
    if not locations.is_remote(folder.url) and models.is_dir():
        where["ONNX files"] = str(models)
    section = Section(group, verdicts_of(group), tables_of(group, folder), save_figures(group, folder))
    section.wrong, section.wrong_of, section.places = wrong, shown, where
    section.name, section.best = name, _best(group, shown)
    return section


def _best(group: Group, shown: str) -> str:
    """Says which arm has the best mean validation F1 of the minority, and what it does on test images."""
    if not shown:
        return ""
    alike = group.alike(shown)
    if len(alike) < 2:
        return ""
    arm = best_arm(record for arm in alike for record in group.records[arm].values())
    test = show(group.interval(arm, MINORITY_F1))
    return f"Best of {len(alike)} arms on validation images: {arm}. On test images its F1 of the rare class is {test}."


def _wrong(group: Group, arm: str, folder: RunFolder, data_root: Path) -> list[Wrong]:
    """Returns the most confidently wrong test images of an arm's first seed; none where the images are not at hand."""
    found = predictions_of(group, folder)(arm)
    record = group.records[arm][min(group.records[arm])]
    data = record.typed_configuration().data
    if found is None:
        return []
    p = probabilities_of(record.typed_configuration().network.output, found["scores"])
    chosen = most_wrong(p, found["labels"])
    try:
        if not is_available(data.source, data_root) and data.source not in remembered(folder):
            return []
        images = load_images(data.source, data_root, data.image_size, remembered(folder))
    except StudyError:
        return []
    if images.fingerprint != record.data_fingerprint:
        return []
    pixels = images.pixels[np.asarray(found["positions"][chosen], dtype=np.int64)]
    return [
        Wrong(image, images.sample_names[found["positions"][i]], data.classes[found["labels"][i]],
              data.classes[p[i].argmax()], float(p[i].max()))
        for i, image in zip(chosen.tolist(), pixels, strict=True)
    ]  # fmt: skip
