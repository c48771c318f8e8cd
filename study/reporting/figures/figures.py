"""The figures of a study's groups -> PNG files in the run folder, and beside their runs in MLflow."""

import hashlib
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from study import locations
from study.evidence import Group
from study.reporting.figures import search_plots
from study.reporting.figures.plots import DPI, plots_of
from study.reporting.tables.tables import Predictions
from study.tracking import Tracker
from trainables.errors import RecordError
from trainables.storage import PREDICTIONS, RunFolder

LONGEST = 100  # characters of a folder's name


def save_figures(group: Group, folder: RunFolder) -> list[Path]:
    """Draws what the group has records for and returns the files, `<runs>/figures/<study>/<group>/<name>.png`."""
    place = figure_folder(folder, group.study.name, group.label)
    predictions = predictions_of(group, folder)
    files = []
    for name, draw in plots_of(group.study).items():
        figure = draw(group, predictions)
        if figure is not None:
            files.append(save(figure, place, name))
    if group.search is not None:
        files += [save(figure, place, name) for name, figure in search_plots.plots_of(group.search).items()]
    return files


def figure_folder(folder: RunFolder, study: str, label: str) -> Path:
    """Returns where figures of a study lie: in the run folder, here where that is remote."""
    place = Path("figures") if locations.is_remote(folder.url) else Path(folder.url, "figures")
    name = re.sub(r"[^A-Za-z0-9.=-]+", "-", label)
    if name != label.replace(" ", "-") or len(name) > LONGEST:  # two labels may look alike so
        name = f"{name[:LONGEST]}-{hashlib.sha256(label.encode()).hexdigest()[:8]}"
    return place / study / name


def save(figure: Figure, place: Path, name: str) -> Path:
    """Writes a figure and returns its file."""
    FigureCanvasAgg(figure)
    path = place / f"{name}.png"
    with writing(path):
        place.mkdir(parents=True, exist_ok=True)
        figure.savefig(path, dpi=DPI)
    return path


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Turns what a full disk or a folder without permission raises into a RecordError."""
    try:
        yield
    except OSError as error:
        raise RecordError(f"{path} cannot be written: {error.strerror or error}") from error


def predictions_of(group: Group, folder: RunFolder) -> Predictions:
    """Returns the function that reads an arm's test scores, labels and positions of its first seed."""

    def read(arm: str) -> dict[str, np.ndarray[Any, Any]] | None:
        records = group.records.get(arm)
        if not records:
            return None
        tensors = folder.tensors(records[min(records)], PREDICTIONS)
        return {name.removeprefix("test/"): value for name, value in tensors.items() if name.startswith("test/")}

    return read


def log_figures(group: Group, files: list[Path], tracker: Tracker) -> None:
    """Puts the files beside the configuration that the study is about: its first treated arm with records."""
    if group.shown and files:
        tracker.log_files(group.study, group.first_record(group.shown).key, None, files, "figures")
