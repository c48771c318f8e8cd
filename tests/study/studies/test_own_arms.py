import sys
from pathlib import Path

import pytest

from study.search import parser
from study.studies import find, search_arms, tuned_study
from study.studies.own_arms import own_arms
from trainables.common import ConfigurationError

SOURCE = """
def loss(scores, targets, counts):
    return scores.sum()

SQUARE = {"loss.function": "own_losses:loss"}
GENTLE = {"label_smoothing": 0.3}
EMPTY = {}
WRONG = {"loss.fuction": 3}
NOWHERE = {"loss.function": "own_losses:los"}
"""


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "own_losses.py").write_text(SOURCE)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "own_losses", raising=False)
    return tmp_path


def _install(place: Path, **points: str) -> None:
    """Writes the metadata of an installed package whose entry points are arms."""
    folder = place / "my_arms-1.0.dist-info"
    folder.mkdir()
    (folder / "METADATA").write_text("Metadata-Version: 2.1\nName: my-arms\nVersion: 1.0\n")
    lines = [f"{name.replace('_', ' ')} = {value}" for name, value in points.items()]
    (folder / "entry_points.txt").write_text("\n".join(["[final_bn.arms]", *lines]))


def test_own_arms_stand_beside_the_others_and_are_judged(place: Path) -> None:
    (before,) = find(["digits"])
    assert own_arms() == {}
    _install(place, square_loss="own_losses:SQUARE", gentle="own_losses:GENTLE")
    (digits,) = find(["digits"])
    assert [arm.name for arm in digits.arms[len(before.arms) :]] == ["gentle", "square loss"]
    assert digits.arm("square loss").configuration.loss.function.startswith("own_losses:loss@")
    assert digits.arm("gentle").configuration.loss.label_smoothing == 0.3
    assert digits.arms[: len(before.arms)] == before.arms
    claims = {claim.id: claim for claim in digits.claims}
    assert (claims["gentle"].treated, claims["gentle"].control) == (("gentle",), ("plain",))
    assert (claims["H0 gentle"].treated, claims["H0 gentle"].control) == (("final BN",), ("gentle",))
    assert digits.pairs[0] == before.pairs[0]


def test_of_own_images_there_is_one_at_every_rate_and_the_papers_studies_stay(place: Path) -> None:
    before = find(["table7"])
    _install(place, gentle="own_losses:GENTLE")
    (images,) = find(["images"])
    assert [arm.name for arm in images.arms if arm.method == "gentle"] == ["gentle, rate 0.001", "gentle, rate 0.003"]
    assert find(["table7"]) == before


def test_a_search_tunes_them_and_shows_them_when_they_are_gone(place: Path) -> None:
    _install(place, gentle="own_losses:GENTLE")
    assert search_arms()["gentle"] == {"loss.label_smoothing": 0.3}
    base = find(["digits"])[0].arm("plain").configuration
    winners = {"none": base, "uninstalled": base.replace({"loss.label_smoothing": 0.2})}
    assert [arm.method for arm in tuned_study("digits-tuned", winners).arms] == ["none", "uninstalled"]
    assert parser().parse_args(["digits", "--arm", "gentle"]).arm == ["gentle"]


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("own_losses:EMPTY", r"arm 'mine' \(final_bn.arms, own_losses:EMPTY\) is empty; a dict of FIELD: VALUE"),
        ("own_losses:loss", "is a function; a dict of FIELD: VALUE is needed"),
        ("own_losses:WRONG", "unknown field 'loss.fuction'"),
        ("own_losses:NOWHERE", "has no such function"),
        ("own_losses:missing", "cannot be loaded: AttributeError"),
        ("not_there:ARM", "cannot be loaded: ModuleNotFoundError"),
    ],
)
def test_a_wrong_one_is_one_line_with_its_name(place: Path, value: str, message: str) -> None:
    _install(place, mine=value)
    with pytest.raises(ConfigurationError, match=message) as caught:
        find(["digits"])
    assert "\n" not in str(caught.value)


def test_a_name_that_is_taken_is_refused(place: Path) -> None:
    _install(place, plain="own_losses:GENTLE")
    with pytest.raises(ConfigurationError, match="has an arm of that name"):
        find(["digits"])
