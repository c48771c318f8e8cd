"""The figures of a study's groups -> PNG files in the run folder, and beside their runs in MLflow."""

import hashlib
import re
from pathlib import Path

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from study.evidence import Group
from study.reporting.derived import with_derived
from study.reporting.figures.plots import plots_of
from study.reporting.figures.search import search_figures
from study.reporting.figures.style import DPI
from study.reporting.figures.svg import as_svg
from study.reporting.output_files import output_folder, writing
from study.reporting.predictions import predictions_of
from study.tracking import Tracker
from trainables.storage import RunFolder

LONGEST = 100  # characters of a folder's name


def save_figures(group: Group, folder: RunFolder) -> list[Path]:
    """Draws what the group has records for and returns the files, `<runs>/figures/<study>/<group>/<name>.png`.

    Raises:
        RecordError: the predictions of a run are missing or damaged, or a file cannot be written.
    """
    place = output_folder(folder, "figures") / group.study.name / folder_name(group.label)
    return [_save(figure, place / f"{name}.png") for name, figure in _figures(group, folder).items()]


def svg_figures(group: Group, folder: RunFolder) -> dict[str, str]:
    """Returns {name: <svg> element} of what the group has records for; raises as `save_figures` but writes nothing."""
    salt = hashlib.sha256(group.label.encode()).hexdigest()[:8]  # groups of a page draw figures of the same name
    return {name: as_svg(figure, f"{name}-{salt}") for name, figure in _figures(group, folder).items()}


def _figures(group: Group, folder: RunFolder) -> dict[str, Figure]:
    predictions, derived = predictions_of(group, folder), with_derived(group, folder)
    figures = {name: draw(derived, predictions) for name, draw in plots_of(group.study).items()}
    if group.search is not None:
        figures |= search_figures(group.search)
    return {name: figure for name, figure in figures.items() if figure is not None}


def folder_name(label: str) -> str:
    """Returns a group's label as the name of a folder; where that shortens or changes it, with a part of its hash."""
    name = re.sub(r"[^A-Za-z0-9.=-]+", "-", label)
    if name != label.replace(" ", "-") or len(name) > LONGEST:  # else two labels might have one folder
        return f"{name[:LONGEST]}-{hashlib.sha256(label.encode()).hexdigest()[:8]}"
    return name


def _save(figure: Figure, path: Path) -> Path:
    FigureCanvasAgg(figure)
    with writing(path):
        figure.savefig(path, dpi=DPI)
    return path


def log_figures(group: Group, files: list[Path], tracker: Tracker) -> None:
    """Puts the files beside the configuration that the study is about: its first treated arm with records."""
    if group.main_arm and files:
        tracker.log_files(group.study, group.first_record(group.main_arm).key, None, files, "figures")
