"""A study's groups -> one self-contained HTML page: no network, no file beside it. Pure: values in, text out."""

import base64
from collections.abc import Sequence
from dataclasses import dataclass, field
from importlib.resources import files
from io import BytesIO
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from jinja2 import Environment
from PIL import Image
from rich.table import Table
from rich.text import Text

from study.evidence import MARGIN, NOT_REPRODUCED, REPRODUCED, UNDECIDED, Group, Verdict
from study.reporting.markdown import how_made
from study.studies import Study

THUMBNAIL = 128  # pixels
MOST_WRONG = 12  # images
CAPTIONS = {
    "f1": "F1 of the rare class: every seed a small dot, the mean with its 95 % interval, the paper's number a cross.",
    "reliability": "Reliability: how often the top class is right, against its probability. On the line is calibrated.",
    "outputs": "The network's outputs for every test image, without and with the final norm.",
    "ratio": "F1 of the rare class over the imbalance ratio.",
    "batch": "F1 of the rare class over the batch size.",
    "gain": "The gain of the final norm over learning rate and imbalance ratio.",
    "epochs": "Test accuracy over the epochs, mean over seeds.",
}
_WORDS = {REPRODUCED: "Yes", NOT_REPRODUCED: "No", UNDECIDED: "Not decided"}
_HARDLY = f"No difference of {MARGIN:g} or more, either way"


@dataclass(frozen=True)
class Wrong:
    """A test image that a network decides wrongly."""

    pixels: npt.NDArray[np.uint8]  # (channels, height, width)
    name: str
    label: str
    decided: str
    probability: float


@dataclass
class Section:
    """What the page says of one group."""

    group: Group
    verdicts: Sequence[Verdict]
    tables: Sequence[Table]
    figures: Sequence[Path]
    wrong: Sequence[Wrong] = ()
    wrong_of: str = ""
    name: str = ""  # what a person calls the group; default its label
    best: str = ""  # a sentence on the arm that validation likes best
    places: dict[str, str] = field(default_factory=dict)  # what -> where

    @property
    def title(self) -> str:
        """What a person calls the group, else its label."""
        return self.name or self.group.label

    @property
    def made(self) -> str:
        """Command, seeds, versions, days."""
        return how_made(self.group)

    @property
    def answers(self) -> list[dict[str, str]]:
        """Each claim in plain words."""
        return [answer(verdict) for verdict in self.verdicts]

    @property
    def data_tables(self) -> list[dict[str, Any]]:
        """Title, header, alignment and rows of every table."""
        return [_table(table, f" ({self.group.label})") for table in self.tables]

    @property
    def pictures(self) -> list[dict[str, str]]:
        """Each figure as a data URL with its caption."""
        return [
            {"url": _data_url(path.read_bytes()), "caption": CAPTIONS.get(path.stem, path.stem)}
            for path in self.figures
        ]  # fmt: skip

    @property
    def thumbnails(self) -> list[dict[str, str]]:
        """Each wrongly decided image as a data URL with what it is and what it was taken for."""
        return [
            {"url": _data_url(_png(its.pixels)), "name": its.name,
             "caption": f"{its.label}, taken for {its.decided} ({its.probability:.0%})"}
            for its in self.wrong
        ]  # fmt: skip


def render(study: Study, sections: Sequence[Section]) -> str:
    """Returns the page."""
    environment = Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True)
    template = environment.from_string(files("study.reporting.page").joinpath("page.html").read_text(encoding="utf-8"))
    records = chain.from_iterable(its.values() for s in sections for its in s.group.records.values())
    days = [record.finished_at[:10] for record in records]
    return template.render(study=study, sections=sections, day=max(days, default=""))


def most_wrong(
    probabilities: npt.NDArray[np.floating], labels: npt.NDArray[np.int64], number: int = MOST_WRONG
) -> npt.NDArray[np.int64]:
    """Returns the positions of wrong decisions, (up to number,), the most confident first."""
    wrong = np.flatnonzero(probabilities.argmax(axis=1) != labels)
    return wrong[np.argsort(-probabilities[wrong].max(axis=1), kind="stable")][:number]


def answer(verdict: Verdict) -> dict[str, str]:
    """Returns a verdict in plain words: claim, answer, number with its interval, reason."""
    d = verdict.difference
    number = "" if d.mean != d.mean else f"{d.mean:+.3f}"
    if d.low == d.low:
        number += f" (95 % interval {d.low:+.3f} to {d.high:+.3f}, {d.n} seeds)"
    word = _HARDLY if _tells_apart_little(verdict) else _WORDS[verdict.verdict]
    return {"id": verdict.claim.id, "says": verdict.claim.sentence, "word": word, "number": number,
            "reason": verdict.reason, "kind": verdict.verdict.replace(" ", "-")}  # fmt: skip


def _tells_apart_little(verdict: Verdict) -> bool:
    """Whether an undecided difference of F1 is known to be small: its whole interval is within MARGIN of 0."""
    inside = verdict.difference.low > -MARGIN and verdict.difference.high < MARGIN
    return verdict.verdict == UNDECIDED and inside and verdict.claim.test in ("gain", "best", "removal")


def _table(table: Table, label: str) -> dict[str, Any]:
    columns = [[_plain(cell) for cell in column.cells] for column in table.columns]
    return {
        "title": _plain(table.title or "").removesuffix(label),
        "header": [_plain(column.header) for column in table.columns],
        "right": [column.justify == "right" for column in table.columns],
        "rows": list(zip(*columns, strict=True)),
    }  # fmt: skip


def _plain(cell: object) -> str:
    return cell.plain if isinstance(cell, Text) else str(cell)


def _png(pixels: npt.NDArray[np.uint8]) -> bytes:
    colours = pixels.transpose(1, 2, 0)
    image = Image.fromarray(colours[..., 0] if colours.shape[-1] == 1 else colours)
    small = max(image.size) < THUMBNAIL  # a digit keeps its pixels, a photo is made smaller
    factor = THUMBNAIL / max(image.size)
    size = (max(1, round(image.width * factor)), max(1, round(image.height * factor)))
    image = image.resize(size, Image.Resampling.NEAREST if small else Image.Resampling.BILINEAR)
    buffer = BytesIO()
    image.save(buffer, "PNG")
    return buffer.getvalue()


def _data_url(content: bytes) -> str:
    return f"data:image/png;base64,{base64.b64encode(content).decode()}"
