"""Every study passes the same list of checks."""

import pytest

from study.studies import STUDIES
from study.studies.declaration import Study


@pytest.fixture(params=STUDIES, ids=str)
def study(request: pytest.FixtureRequest) -> Study:
    return STUDIES[request.param]()


def test_its_name_is_its_registry_name(study: Study) -> None:
    assert STUDIES[study.name]().arms == study.arms


def test_arms_have_different_names_and_configurations(study: Study) -> None:
    assert len({arm.name for arm in study.arms}) == len(study.arms)
    assert len({arm.configuration.key for arm in study.arms}) == len(study.arms)


def test_pairs_differ_in_norms_only(study: Study) -> None:
    for pair in study.pairs:
        treated, control = study.arm(pair.treated).configuration, study.arm(pair.control).configuration
        assert treated.network.final_norm != "none"
        of_norms = ["first_norm", "final_norm"]
        if {control.network.first_norm, control.network.final_norm} == {"none"}:
            of_norms += ["norm_momentum", "norm_eps", "final_norm_momentum"]  # nothing to a network without a norm
        norms = {name: getattr(control.network, name) for name in of_norms}
        assert treated.network.model_copy(update=norms) == control.network
        assert treated.model_copy(update={"network": control.network}) == control


def test_an_arm_is_named_by_its_cell_and_its_method(study: Study) -> None:
    for arm in study.arms:
        assert arm.cell in arm.name
        assert arm.method in arm.name.removeprefix(arm.cell)


def test_a_pair_compares_two_methods_of_one_cell(study: Study) -> None:
    for pair in study.pairs:
        treated, control = study.arm(pair.treated), study.arm(pair.control)
        assert treated.cell == control.cell
        assert treated.method != control.method


def test_claims_name_arms_that_are_there(study: Study) -> None:
    assert len({claim.id for claim in study.claims}) == len(study.claims)
    for claim in study.claims:
        for arm in (*claim.treated, *claim.control):
            study.arm(arm)


def test_its_docstring_says_claim_cost_and_command(study: Study) -> None:
    text = STUDIES[study.name].__doc__ or ""
    assert text.startswith("Claim: ")
    assert "Cost: " in text
    assert f"python -m study.grid {study.name}" in text


def test_smoke_is_the_same_study_smaller_under_its_own_name(study: Study) -> None:
    smoke = study.smoke()
    assert smoke.name == f"{study.name}-smoke"
    assert [arm.name for arm in smoke.arms] == [arm.name for arm in study.arms]
    assert {arm.configuration.schedule.epochs for arm in smoke.arms} <= {1, 2}


def test_an_option_that_every_arm_can_take_keeps_them_apart(study: Study) -> None:
    changed = study.map(lambda c: c.replace({"schedule.epochs": 3}))
    assert {arm.configuration.schedule.epochs for arm in changed.arms} == {3}


# arms, seeds; a study's docstring says how they come about
SIZES = {"digits": (32, 10), "factorial": (64, 10), "table1": (12, 10), "figure1": (2, 1), "table4": (6, 10),
         "figure2a": (92, 10), "figure2b": (34, 10), "table5": (16, 10), "table6": (10, 10), "table7": (12, 10),
         "weighted-bn": (9, 10), "class-balanced-bn": (24, 10), "learning-rate": (72, 10)}  # fmt: skip


@pytest.mark.parametrize(("name", "size"), SIZES.items(), ids=SIZES)
def test_sizes_of_the_papers_studies(name: str, size: tuple[int, int]) -> None:
    assert (len(STUDIES[name]().arms), STUDIES[name]().seeds) == size
