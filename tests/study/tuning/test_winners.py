"""How the points of a Pareto front are named."""

from study.evidence import Setting
from study.tuning.winners import winners_of
from trainables.configuration import Configuration


def test_points_of_the_front_are_named_by_their_key_whatever_else_is_on_it() -> None:
    base = Configuration()
    few = [Setting({"network.hidden": hidden}, None, "complete", (hidden / 100, hidden)) for hidden in (8, 16)]
    more = [*few, Setting({"network.hidden": 4}, None, "complete", (0.1, 4.0))]  # beats the first, not the second

    def points(settings: list[Setting]) -> dict[str, Configuration]:
        return winners_of({"none": settings}, {"none": base}, ["maximize", "minimize"])

    assert [point.network.hidden for point in points(few).values()] == [8, 16]
    assert [point.network.hidden for point in points(more).values()] == [16, 4]
    assert all(name == f"none, {point.key[:6]}" for name, point in (points(few) | points(more)).items())


def test_with_one_objective_every_arm_has_its_best_and_one_without_a_score_has_none() -> None:
    base = Configuration()
    settings = [Setting({"network.hidden": hidden}, None, "complete", (hidden / 100,)) for hidden in (8, 16, 4)]
    pruned = [Setting({"network.hidden": 32}, None, "pruned", ())]
    winners = winners_of({"a": settings, "b": pruned}, {"a": base, "b": base}, ["maximize"])
    assert {arm: winner.network.hidden for arm, winner in winners.items()} == {"a": 16}
