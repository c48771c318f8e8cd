"""What Ray says of a failed trial is one line."""

import logging

import pytest
from ray.exceptions import RayTaskError

from study.execution.ray_output import OneLine
from trainables.errors import RecordError


class _WrappedError(Exception):
    """As Ray's own: a text of many lines, and what was raised."""

    def __init__(self, cause: Exception) -> None:
        super().__init__("Traceback (most recent call last):\n  ...")
        self.cause = cause


@pytest.mark.parametrize(
    ("error", "says"),
    [
        (_WrappedError(RecordError("/runs cannot be written")), "trial 3 failed: /runs cannot be written"),
        (ValueError("the actor died\nand more"), "trial 3 failed: the actor died"),
        (ValueError(), "trial 3 failed: ValueError"),
    ],
)
def test_a_traceback_becomes_its_cause(error: Exception, says: str, caplog: pytest.LogCaptureFixture) -> None:
    logger = logging.getLogger("a test's")
    logger.addFilter(OneLine())
    with caplog.at_level(logging.ERROR, logger.name):
        logger.error("trial %d failed", 3, exc_info=error)
    assert caplog.records[0].getMessage() == says
    assert "Traceback" not in caplog.text


def test_rays_error_holds_its_cause() -> None:
    cause = RecordError("no space")
    assert RayTaskError("f", "Traceback ...", cause).cause is cause
