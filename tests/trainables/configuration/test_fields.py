import pytest

from trainables.common import ConfigurationError
from trainables.configuration import Configuration, resolve_field
from trainables.configuration.fields import FIELDS


def test_a_short_name_that_several_sections_have_is_ambiguous() -> None:
    assert resolve_field("epochs") == "schedule.epochs"
    with pytest.raises(ConfigurationError, match=r"ambiguous: network\.name, loss\.name, optimiser\.name"):
        resolve_field("name")


def test_field_names_are_those_of_a_flat_configuration() -> None:
    assert list(FIELDS) == list(Configuration().flat())
