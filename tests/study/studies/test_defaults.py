"""One value at a time from declared to a tool's, and back: every step differs in its default alone."""

import pytest

from study.studies import DECLARED, find, steps_of_defaults
from study.studies.ours.defaults import DATA, FIELDS
from study.studies.profiles import PROFILES
from trainables.configuration import SMALL_NETWORKS


@pytest.mark.parametrize("profile", FIELDS)
def test_its_defaults_are_the_whole_profile(profile: str) -> None:
    fields = {field for of_default in FIELDS[profile].values() for field in of_default}
    values = {name for base, tool in DATA.values() if tool == profile for name in PROFILES[tool].values(base)}
    assert fields == values


def test_the_arms_of_a_step_differ_in_the_fields_of_its_default_alone() -> None:
    (study,) = find(["defaults"])
    for step in steps_of_defaults():
        base, profile = DATA[step.data]
        tools, ours = (study.arm(name).configuration.flat() for name in (step.tools, step.ours))
        different = {name for name in tools if tools[name] != ours[name]}
        assert different == set(FIELDS[profile][step.default]), step
        values = PROFILES[profile].values(base)
        assert {name: tools[name] for name in different} == {name: values[name] for name in different}
        started_from = ours if step.start == DECLARED else tools
        expected = base if step.start == DECLARED else base.replace(values)
        assert started_from == expected.replace({"network.final_norm": started_from["network.final_norm"]}).flat()


def test_what_only_a_norm_has_is_compared_to_the_same_plain_network() -> None:
    (study,) = find(["defaults"])
    assert all("momentum" not in step.default for step in steps_of_defaults() if step.method == "none")
    pair = next(pair for pair in study.pairs if pair.name == "MNIST dense, keras but momentum 0.01")
    assert pair.control == "MNIST dense, keras, none"
    for pair in study.pairs:
        treated, control = study.arm(pair.treated).configuration, study.arm(pair.control).configuration
        norm = {"network.final_norm", "network.norm_momentum", "network.norm_eps", "network.final_norm_momentum"}
        assert {name for name, value in treated.flat().items() if value != control.flat()[name]} <= norm


def test_it_is_no_study_of_the_papers_and_runs_on_fresh_seeds() -> None:
    (study,) = find(["defaults"])
    assert study.first_seed == 100
    assert "defaults" not in [of_papers.name for of_papers in find(["paper"])]
    cells = {arm.cell for arm in study.arms if arm.configuration.network.name in SMALL_NETWORKS}
    assert cells == {"MNIST dense", "MNIST CNN", "digits"}
