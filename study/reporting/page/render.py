"""A study's groups -> one self-contained HTML page: no network, no file beside it. Pure: values in, text out."""

import base64
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib.resources import files
from io import BytesIO
from typing import Any

import numpy as np
import numpy.typing as npt
from jinja2 import Environment
from PIL import Image
from rich.table import Table
from rich.text import Text

from study.evidence import MARGIN, NOT_JUDGED, NOT_REPRODUCED, REPRODUCED, TOO_FEW, UNDECIDED, Group, Verdict
from study.reporting.answer import AnswerText
from study.reporting.markdown import how_made
from study.studies import Study
from trainables.common import printable

THUMBNAIL = 128  # pixels
MOST_WRONG = 12  # images
CAPTIONS = {
    "f1": "F1 of the rare class: every seed a small dot, the mean with its 95 % interval, the paper's number a cross.",
    "reliability": "Reliability: how often the top class is right, against its probability. On the line is calibrated.",
    "outputs": "The network's outputs for every test image, without and with the final norm.",
    "ratio": "F1 of the rare class over the imbalance ratio.",
    "batch": "F1 of the rare class over the batch size.",
    "gain": "The gain of the final norm over learning rate and imbalance ratio.",
    "prevalence": "F1 of the rare class and the cost of 1000 images, by how rare it is where the network decides: at "
    "the right as the papers test, at the dotted line as they train.",
    "effects": "What each value that the tool sets silently does to the mean F1; grey: little.",
    "shift": "How far the final norm's learned shift lowers the rare class, over optimiser steps times mean rate.",
    "epochs": "Test accuracy over the epochs, mean over seeds.",
}
WORDS = {
    REPRODUCED: "Yes",
    NOT_REPRODUCED: "No",
    UNDECIDED: "Not decided",
    TOO_FEW: "Too little to decide",
    NOT_JUDGED: "Nothing to judge",
}
HARDLY = f"No difference of {MARGIN:g} or more, either way"


@dataclass(frozen=True)
class WrongImage:
    """A test image that a network decides wrongly."""

    pixels: npt.NDArray[np.uint8]  # (channels, height, width)
    name: str
    label: str
    decided: str
    probability: float


@dataclass(frozen=True)
class Section:
    """What the page says of one group; the properties are what the template prints.

    Attributes:
        group: the records.
        verdicts: on the claims of the study.
        tables: all of the group.
        figures: (name, <svg> element) of each.
        wrong: test images that an arm decides wrongly.
        wrong_of: that arm.
        name: what a person calls the group; "" says what sets its runs apart.
        best: a sentence on the arm that validation likes best.
        places: what -> where it is.
        answer: what a practitioner takes from it, where the images are somebody's own.
    """

    group: Group
    verdicts: Sequence[Verdict]
    tables: Sequence[Table]
    figures: Sequence[tuple[str, str]]
    wrong: Sequence[WrongImage] = ()
    wrong_of: str = ""
    name: str = ""
    best: str = ""
    places: Mapping[str, str] = field(default_factory=dict)
    answer: AnswerText | None = None

    @property
    def title(self) -> str:
        """What a person calls the group, else what sets its runs apart."""
        words = self.name or self.group.in_words
        return f"{words[0].upper()}{words[1:]}"

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
        return [_table(table, f" ({self.group.shown_label})") for table in self.tables]

    @property
    def pictures(self) -> list[dict[str, str]]:
        """Each figure with its caption and its width in pixels."""
        return [
            {"svg": svg, "caption": CAPTIONS.get(name, name), "width": svg.partition(' width="')[2].partition('"')[0]}
            for name, svg in self.figures
        ]

    @property
    def thumbnails(self) -> list[dict[str, str]]:
        """Each wrongly decided image as a data URL with what it is and what it was taken for."""
        return [
            {
                "url": _data_url(_png(image.pixels)),
                "name": image.name,
                "caption": f"{image.label}, taken for {image.decided} ({image.probability:.0%})",
            }
            for image in self.wrong
        ]


def render(study: Study, sections: Sequence[Section]) -> str:
    """Returns the page."""
    environment = Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True, finalize=_shown)
    template = environment.from_string(files("study.reporting.page").joinpath("page.html").read_text(encoding="utf-8"))
    days = [
        record.finished_at[:10]
        for section in sections
        for records in section.group.records.values()
        for record in records.values()
    ]
    return template.render(study=study, sections=sections, day=max(days, default=""))


def most_wrong(
    probabilities: npt.NDArray[np.floating], labels: npt.NDArray[np.int64], number: int = MOST_WRONG
) -> npt.NDArray[np.int64]:
    """Returns the positions of wrong decisions, (up to number,), the most confident first."""
    wrong = np.flatnonzero(probabilities.argmax(axis=1) != labels)
    return wrong[np.argsort(-probabilities[wrong].max(axis=1), kind="stable")][:number]


def answer(verdict: Verdict) -> dict[str, str]:
    """Returns a verdict in plain words: claim, answer, number with its interval, reason."""
    difference = verdict.difference
    number = "" if math.isnan(difference.mean) else f"{difference.mean:+.3f}"
    if not math.isnan(difference.low):
        number += f" (95 % interval {difference.low:+.3f} to {difference.high:+.3f}, {difference.n} seeds)"
    return {
        "id": verdict.claim.id,
        "says": verdict.claim.sentence,
        "word": HARDLY if _is_known_to_be_small(verdict) else WORDS[verdict.verdict],
        "number": number,
        "reason": verdict.reason,
        "kind": verdict.verdict.replace(" ", "-"),
    }


def _is_known_to_be_small(verdict: Verdict) -> bool:
    """Whether an undecided difference of F1 is known to be small: its whole interval is within MARGIN of 0."""
    inside = verdict.difference.low > -MARGIN and verdict.difference.high < MARGIN
    return verdict.verdict == UNDECIDED and inside and verdict.claim.test in ("gain", "best", "removal")


def _table(table: Table, label: str) -> dict[str, Any]:
    """Returns what the template prints of a table; a title that ends with the label does without it."""
    columns = [[_plain(cell) for cell in column.cells] for column in table.columns]
    return {
        "title": _plain(table.title or "").removesuffix(label),
        "header": [_plain(column.header) for column in table.columns],
        "right": [column.justify == "right" for column in table.columns],
        "rows": list(zip(*columns, strict=True)),
    }


def _shown(value: object) -> object:
    """Returns what the template prints of a value: a text on one line, escaped where it needs to be."""
    return printable(value) if type(value) is str else value  # what is marked as HTML stays as it is


def _plain(cell: object) -> str:
    return cell.plain if isinstance(cell, Text) else str(cell)


def _png(pixels: npt.NDArray[np.uint8]) -> bytes:
    """Returns the PNG file of an image (channels, height, width) whose longer side is THUMBNAIL pixels."""
    colours = pixels.transpose(1, 2, 0)
    image = Image.fromarray(colours[..., 0] if colours.shape[-1] == 1 else colours)
    is_enlarged = max(image.size) < THUMBNAIL
    factor = THUMBNAIL / max(image.size)
    size = (max(1, round(image.width * factor)), max(1, round(image.height * factor)))
    # a digit keeps its square pixels, a photo is smoothed
    image = image.resize(size, Image.Resampling.NEAREST if is_enlarged else Image.Resampling.BILINEAR)
    buffer = BytesIO()
    image.save(buffer, "PNG")
    return buffer.getvalue()


def _data_url(content: bytes) -> str:
    return f"data:image/png;base64,{base64.b64encode(content).decode()}"
