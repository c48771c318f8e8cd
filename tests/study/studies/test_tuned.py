"""The study of a search's winners: which arm of the search each is a setting of."""

from study.studies.ours.tuned import name_of_point, tuned_study
from trainables.configuration import Configuration


def test_points_of_a_front_belong_to_the_arm_that_they_are_settings_of() -> None:
    base = Configuration()
    points = {
        base.replace({"network.hidden": hidden}).key: base.replace({"network.hidden": hidden}) for hidden in (8, 9)
    }
    winners = {name_of_point(arm, key): points[key] for arm in ("final BN", "none") for key in points}
    study = tuned_study("digits-pareto-tuned", winners)
    assert [arm.method for arm in study.arms] == ["none", "none", "final BN", "final BN"]  # as a search lists its arms
    assert {arm.name for arm in study.arms} == set(winners)
    assert not study.pairs
