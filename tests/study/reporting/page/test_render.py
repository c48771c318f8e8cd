"""What the page says in words and shows as pictures, from values alone."""

import base64
import io
from typing import Any

import numpy as np
import pytest
from PIL import Image

from study.evidence import Group, PairedDifference, Verdict, decide, group_records
from study.reporting.page.render import THUMBNAIL, Section, WrongImage, answer, most_wrong, render
from study.reporting.tables import arms_table
from study.studies import Claim, find
from tests.support.records import make_records


@pytest.fixture
def group() -> Group:
    (study,) = find(["figure1-smoke"])
    (group,) = group_records(study, make_records(study, finished_at="2026-11-21T10:00:00+00:00"))
    return group


@pytest.mark.parametrize(
    ("low", "high", "test", "word"),
    [
        (0.01, 0.03, "gain", "Yes"),
        (-0.03, -0.01, "gain", "No"),
        (-0.01, 0.03, "gain", "No difference of 0.05 or more, either way"),
        (-0.01, 0.06, "gain", "Not decided"),
        (-0.01, 0.03, "sooner", "Not decided"),  # in epochs
    ],
)
def test_answers_are_in_plain_words(low: float, high: float, test: Any, word: str) -> None:
    difference = PairedDifference((low + high) / 2, low, high, 10, 0.5)
    claim = Claim("H0", "it helps", test, ("final BN",), ("plain",))
    assert answer(Verdict(claim, "minority F1", difference, *decide(difference)))["word"] == word


def test_the_most_confident_mistakes_come_first() -> None:
    p = np.array([[0.9, 0.1], [0.2, 0.8], [0.4, 0.6], [0.3, 0.7]])
    labels = np.array([0, 0, 0, 1])
    assert most_wrong(p, labels).tolist() == [1, 2]
    assert most_wrong(p, labels, number=1).tolist() == [1]


def test_a_section_without_anything_but_records_is_a_page(group: Group) -> None:
    page = render(group.study, [Section(group, [], [arms_table(group)], [])])
    assert "last run 2026-11-21" in page
    assert "<h2>With the study&#39;s own settings</h2>" in page
    assert "In plain words" not in page
    assert "Most confidently wrong" not in page
    assert "Where things are" not in page
    heading = f"<h3>{group.study.name}: {group.study.title}</h3>"
    assert heading in page, "the label is in the section's heading and left out of the table's"


def test_a_person_s_names_are_text_and_no_html(group: Group) -> None:
    page = render(group.study, [Section(group, [], [], [], name="<rot> & co", places={"images": "/tmp/<x>"})])
    assert "&lt;rot&gt; &amp; co" in page
    assert "<rot>" not in page
    assert "/tmp/&lt;x&gt;" in page


@pytest.mark.parametrize(
    ("shape", "size", "mode"),
    [
        ((1, 8, 8), (THUMBNAIL, THUMBNAIL), "L"),  # a digit is enlarged
        ((3, 256, 512), (THUMBNAIL, THUMBNAIL // 2), "RGB"),  # a photo is made smaller and keeps its shape
        ((3, 1, 512), (THUMBNAIL, 1), "RGB"),
    ],
)
def test_a_thumbnail_has_a_size_that_a_page_can_show(
    group: Group, shape: tuple[int, int, int], size: tuple[int, int], mode: str
) -> None:
    wrong = WrongImage(np.zeros(shape, dtype=np.uint8), "a.png", "8", "others", 0.987)
    (thumbnail,) = Section(group, [], [], [], wrong=[wrong], wrong_of="final BN").thumbnails
    image = Image.open(io.BytesIO(base64.b64decode(thumbnail["url"].removeprefix("data:image/png;base64,"))))
    assert (image.size, image.mode) == (size, mode)
    assert thumbnail["caption"] == "8, taken for others (99%)"
