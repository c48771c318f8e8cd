"""The Pareto front of a search with several objectives: what is on it, and how its points are named."""

from study.evidence import robustness
from study.evidence.search_results import Setting
from study.tuning.tune import _winners
from trainables.configuration import Configuration


def test_the_front_holds_what_nothing_beats() -> None:
    points = [(0.9, 5.0), (0.8, 1.0), (0.7, 2.0), (0.9, 6.0), (0.95, 9.0), (0.8, 1.0)]
    settings = [Setting({"i": i}, None, "complete", p) for i, p in enumerate(points)]
    failed = Setting({}, None, "failed", ())
    found = robustness.pareto_front([*settings, failed], ["maximize", "minimize"])
    assert [s.values["i"] for s in found] == [0, 1, 4, 5]


def test_points_of_the_front_are_named_by_their_key_whatever_else_is_on_it() -> None:
    base = Configuration()
    few = [Setting({"network.hidden": hidden}, None, "complete", (hidden / 100, hidden)) for hidden in (8, 16)]
    more = [*few, Setting({"network.hidden": 4}, None, "complete", (0.1, 4.0))]  # beats the first, not the second

    def points(its: list[Setting]) -> dict[str, Configuration]:
        return _winners({"none": its}, {"none": base}, ["maximize", "minimize"])

    assert [point.network.hidden for point in points(few).values()] == [8, 16]
    assert [point.network.hidden for point in points(more).values()] == [16, 4]
    assert all(name == f"none, {point.key[:6]}" for name, point in (points(few) | points(more)).items())
