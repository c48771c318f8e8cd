from study.studies import STUDIES, family_of, find
from study.studies.family import FAMILY


def test_every_primary_claim_is_a_claim_of_its_study() -> None:
    claims = {(study.name, claim.id) for study in find(list(STUDIES)) for claim in study.claims}
    assert set(family_of("")) <= claims
    assert len(family_of("")) == len(set(family_of("")))


def test_a_tools_family_is_of_its_studies() -> None:
    assert {study for study, _ in family_of("keras")} == {"table5", "table7"}
    assert set(family_of("fastai")) < set(family_of(""))
    assert sum(map(len, FAMILY.values())) == len(family_of(""))
