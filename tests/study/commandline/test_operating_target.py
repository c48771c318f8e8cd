"""`--target`, `--cost` and `--prevalence`: what they mean, and one line for what they cannot."""

import argparse

import pytest

from study.commandline import add_target, read_target
from trainables.common import ConfigurationError
from trainables.evaluation import Target


def _read(*arguments: str) -> Target | None:
    parser = argparse.ArgumentParser()
    add_target(parser)
    return read_target(parser.parse_args(arguments))


def test_what_the_options_mean() -> None:
    assert _read() is None
    assert _read("--target", "recall=0.95") == Target("recall", 0.95)
    assert _read("--target", "precision=0.9", "--prevalence", "0.001") == Target("precision", 0.9, prevalence=0.001)
    assert _read("--cost", "alarm=1,miss=10") == Target("cost", miss=10, alarm=1)
    assert _read("--prevalence", "0.001") == Target(prevalence=0.001)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--target", "f1=0.9"), "got 'f1=0.9'; the form is recall=0.95 or precision=0.9"),
        (("--target", "recall"), "the form is recall=0.95"),
        (("--target", "recall=much"), "got 'much'; a number is needed"),
        (("--target", "recall=95"), "above 0 and up to 1 is allowed"),
        (("--cost", "miss=10"), "the form is miss=10,alarm=1"),
        (("--cost", "miss=10,alarm=0"), "alarm=0: a number above 0 is allowed"),
        (("--cost", "miss=10,alarm=-1"), "a number above 0 is allowed"),
        (("--target", "recall=0.9", "--cost", "miss=1,alarm=1"), "give one"),
        (("--prevalence", "0"), "a share between 0 and 1"),
    ],
)
def test_what_they_cannot_mean(arguments: tuple[str, ...], said: str) -> None:
    with pytest.raises(ConfigurationError, match=said):
        _read(*arguments)
