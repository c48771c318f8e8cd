"""A study's name is taken apart once and made whole again."""

import pytest

from study.studies.names import StudyName
from study.studies.registry import STUDIES, find, names_of_studies
from trainables.common import ConfigurationError

NAMES = {
    "digits": StudyName("digits"),
    "digits-smoke": StudyName("digits", smoke=True),
    "digits-tuned": StudyName("digits", search="one"),
    "digits-pareto-tuned": StudyName("digits", search="several"),
    "weighted-bn-smoke-tuned": StudyName("weighted-bn", smoke=True, search="one"),
    "weighted-bn-smoke-pareto-tuned": StudyName("weighted-bn", smoke=True, search="several"),
}


@pytest.mark.parametrize(("text", "name"), NAMES.items(), ids=NAMES)
def test_it_is_taken_apart_and_made_whole_again(text: str, name: StudyName) -> None:
    assert StudyName.parse(text) == name
    assert str(name) == text
    (study,) = find([text])
    assert (study.name, study.name_parts) == (text, name)


def test_a_search_names_its_study_by_the_number_of_its_objectives() -> None:
    smoke = StudyName("digits", smoke=True)
    assert [str(smoke.tuned(number)) for number in (1, 2)] == ["digits-smoke-tuned", "digits-smoke-pareto-tuned"]
    assert smoke.tuned(2).untuned == smoke.untuned == smoke


@pytest.mark.parametrize("name", STUDIES)
def test_no_study_is_called_like_a_part_of_a_name(name: str) -> None:
    assert StudyName.parse(name) == StudyName(name)


@pytest.mark.parametrize(
    "text", ["digits-tuned-tuned", "digits-smoke-smoke", "digits-tuned-smoke", "digits-pareto", ""]
)
def test_parts_that_do_not_make_a_name_are_no_study(text: str) -> None:
    with pytest.raises(ConfigurationError, match="unknown study"):
        find([text])


def test_the_smoke_size_of_a_smoke_size_is_itself() -> None:
    assert find(["digits-smoke"])[0].smoke().name == "digits-smoke"


def test_names_in_a_run_folder_come_in_the_order_of_the_registry() -> None:
    names = ["old", "table1", "digits-tuned", "digits-smoke", "digits"]
    assert names_of_studies(names) == ["digits", "digits-smoke", "digits-tuned", "table1"]
