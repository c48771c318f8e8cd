"""Every study passes the same list of checks."""

import pytest

from study.declaration import Study
from study.studies import STUDIES
from trainables.configuration import Configuration


@pytest.fixture(params=STUDIES, ids=str)
def study(request: pytest.FixtureRequest) -> Study:
    return STUDIES[request.param]()


def test_its_name_is_its_registry_name(study: Study) -> None:
    assert STUDIES[study.name]().arms == study.arms


def test_arms_have_different_names_and_configurations(study: Study) -> None:
    assert len({arm.name for arm in study.arms}) == len(study.arms)
    assert len({arm.configuration.key for arm in study.arms}) == len(study.arms)


def test_pairs_differ_in_the_final_norm_only(study: Study) -> None:
    for pair in study.pairs:
        treated, control = study.arm(pair.treated).configuration, study.arm(pair.control).configuration
        assert treated.network.final_norm == "batch"
        assert treated.replace({"network.final_norm": "none"}) == control


def test_claims_name_arms_that_are_there(study: Study) -> None:
    for claim in study.claims:
        study.arm(claim.treated)
        if claim.control:
            study.arm(claim.control)


def test_its_docstring_says_claim_cost_and_command(study: Study) -> None:
    text = STUDIES[study.name].__doc__ or ""
    assert text.startswith("Claim: ")
    assert "Cost: " in text
    assert f"python -m study.grid {study.name}" in text


def test_smoke_is_the_same_study_smaller_under_its_own_name(study: Study) -> None:
    smoke = study.smoke()
    assert smoke.name == f"{study.name}-smoke"
    assert [arm.name for arm in smoke.arms] == [arm.name for arm in study.arms]
    assert {arm.configuration.schedule.epochs for arm in smoke.arms} == {2}


def test_an_option_that_every_arm_can_take_keeps_them_apart(study: Study) -> None:
    changed = study.map(lambda c: c.replace({"optimiser.learning_rate": 0.005}))
    assert all(isinstance(arm.configuration, Configuration) for arm in changed.arms)
    assert {arm.configuration.optimiser.learning_rate for arm in changed.arms} == {0.005}


def test_numbers_of_the_digits_study() -> None:
    study = STUDIES["digits"]()
    assert (len(study.arms), len(study.arms) * study.seeds) == (32, 320)
