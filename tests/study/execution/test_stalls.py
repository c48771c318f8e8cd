"""Which trials hang, with the time handed in; test_trials.py stops a real one."""

import pytest

from study.execution.stalls import Stall, Watch


def test_ten_minutes_of_silence_are_said_once() -> None:
    watch = Watch()
    assert watch.look(["a", "b"], 0) == []
    watch.heard("b", 500)  # the longest silence so far: 500 s
    assert watch.look(["a", "b"], 600) == []  # ten times that would be 5000 s
    assert watch.look(["a", "b"], 4999) == []
    assert watch.look(["a", "b"], 5000) == [Stall("a", 5000, False)]
    assert watch.look(["a", "b"], 5400) == []
    assert watch.look(["a", "b"], 5500) == [Stall("b", 5000, False)]
    watch.heard("a", 5600)  # it was slow, not dead
    assert watch.look(["a", "b"], 11000) == []


def test_short_epochs_are_given_ten_minutes() -> None:
    watch = Watch()
    watch.look(["a"], 0)
    watch.heard("a", 1)
    assert watch.look(["a"], 600) == []
    assert watch.look(["a"], 601) == [Stall("a", 600, False)]


def test_a_trial_is_over_after_the_time_given_and_begins_anew() -> None:
    watch = Watch(end_after=5)
    watch.look(["a"], 0)
    assert watch.look(["a"], 4) == []
    assert watch.look(["a"], 5) == [Stall("a", 5, True)]
    assert watch.look(["a"], 9) == []
    assert watch.look(["a"], 10) == [Stall("a", 5, True)]


@pytest.mark.parametrize("underway", [[], ["b"]], ids=["ended", "tried again elsewhere"])
def test_a_trial_that_is_not_underway_does_not_hang(underway: list[str]) -> None:
    watch = Watch()
    watch.look(["a"], 0)
    assert watch.look(underway, 10) == []
    assert watch.look(underway, 600) == []
    assert watch.look(["a"], 700) == []  # underway again, since now
