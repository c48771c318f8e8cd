"""What Ray is told to leave out: its own progress, files and tracebacks; this project says what a user has to know."""

import logging
import os

from trainables.errors import first_line

_RAY_SETTINGS = {
    "RAY_USAGE_STATS_ENABLED": "0",
    "TUNE_DISABLE_AUTO_CALLBACK_LOGGERS": "1",  # records and MLflow hold what its CSV, JSON and TensorBoard files would
    "TUNE_DISABLE_SIGINT_HANDLER": "1",  # Ctrl-C ends the command, not just Tune's loop
    "RAY_AIR_NEW_OUTPUT": "0",  # with verbose=0: Tune prints nothing, this project's progress does
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
}
_SAYS_FAILURES = "ray.tune.execution.tune_controller"


def set_up() -> None:
    """Tells Ray by its environment what to leave out; before it starts."""
    for name, value in _RAY_SETTINGS.items():
        os.environ.setdefault(name, value)


def hush() -> None:
    """Lets only errors of Tune through, each on one line; once Ray has started, which sets its loggers up."""
    logging.getLogger("ray.tune").setLevel(logging.ERROR)
    logger = logging.getLogger(_SAYS_FAILURES)
    if not any(isinstance(its, OneLine) for its in logger.filters):
        logger.addFilter(OneLine())


class OneLine(logging.Filter):
    """A trial's process that ended is tried again or reported as not finished: its cause is one line here."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Puts the cause in the place of the traceback."""
        error = record.exc_info[1] if isinstance(record.exc_info, tuple) else None
        if error is not None:
            cause = getattr(error, "cause", None) or error  # of Ray's wrapper around what a trial raised
            record.msg, record.args = f"{record.getMessage()}: {first_line(cause)}", ()
            record.exc_info = record.exc_text = None
        return True
