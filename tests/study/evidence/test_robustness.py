"""The Pareto front of a search with several objectives, and whether a gain stands in all its settings."""

from study.evidence import robustness
from study.evidence.search_results import Setting
from study.studies import Range


def test_the_front_holds_what_nothing_beats() -> None:
    points = [(0.9, 5.0), (0.8, 1.0), (0.7, 2.0), (0.9, 6.0), (0.95, 9.0), (0.8, 1.0)]
    settings = [Setting({"i": i}, None, "complete", p) for i, p in enumerate(points)]
    failed = Setting({}, None, "failed", ())
    front = robustness.pareto_front([*settings, failed], ["maximize", "minimize"])
    assert [s.values["i"] for s in front] == [0, 1, 4, 5]


def test_verdicts_on_robustness() -> None:
    design = [{"optimiser.learning_rate": 10.0**-i} for i in range(12)]
    space = (Range("optimiser.learning_rate", 1e-12, 1, log=True),)
    zero = dict.fromkeys(range(12), 0.0)

    def judge(gains: list[float]) -> robustness.Robustness:
        return robustness.judge_robustness("none", dict(enumerate(gains)), zero, design, space)

    assert judge([0.1] * 11 + [-0.1]).verdict == robustness.ROBUST
    assert judge([-0.1] * 12).verdict == robustness.REVERSED
    assert judge([0.1, -0.1] * 6).verdict == robustness.FRAGILE
    assert judge([0.0] * 12).ahead == 6
    assert judge([i / 10 for i in range(12)]).depends_on == "learning_rate (-1.00)"  # falls as the rate rises
    assert robustness.judge_robustness("none", {}, {}, design, space).settings == 0
