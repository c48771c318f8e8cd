"""The arms of a search, and the study of their winners."""

from study.studies import SEARCH_ARMS, base_of_search, find, tuned_study
from trainables.configuration import Configuration


def test_every_arm_fits_the_bases_of_the_studies() -> None:
    for name in ("digits", "table5", "table7", "table4"):
        base = base_of_search(find([name])[0])
        assert base.network.final_norm == "none"
        assert len({base.replace(changes).key for changes in SEARCH_ARMS.values()}) == len(SEARCH_ARMS)


def test_a_tuned_study_compares_the_final_bn_with_every_arm_without_one() -> None:
    base = Configuration()
    study = tuned_study("x-tuned", {arm: base.replace(changes) for arm, changes in SEARCH_ARMS.items()})
    assert {pair.control for pair in study.pairs} == {arm for arm in SEARCH_ARMS if "BN" not in arm}
    assert [claim.test for claim in study.claims] == ["gain"] * 7 + ["removal", "keeps"]
    assert not tuned_study("x-tuned", {"none": base}).claims
