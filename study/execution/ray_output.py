"""What Ray does not print or write: its progress, files and tracebacks. This project says what a user has to know."""

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
_LOGGER_OF_FAILURES = "ray.tune.execution.tune_controller"


def set_up() -> None:
    """Tells Ray by environment variables what to leave out; call it before Ray starts."""
    for name, value in _RAY_SETTINGS.items():
        os.environ.setdefault(name, value)


def hush() -> None:
    """Lets only errors of Tune through, each on one line; call it after Ray has started, which sets up its loggers."""
    logging.getLogger("ray.tune").setLevel(logging.ERROR)
    logger = logging.getLogger(_LOGGER_OF_FAILURES)
    if not any(isinstance(log_filter, OneLine) for log_filter in logger.filters):
        logger.addFilter(OneLine())


class OneLine(logging.Filter):
    """Puts the cause of a failure, one line, in the place of its traceback; the trial is tried again or reported."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Changes the record and lets it through."""
        error = record.exc_info[1] if isinstance(record.exc_info, tuple) else None
        if error is not None:
            cause = getattr(error, "cause", None) or error  # of Ray's wrapper around what a trial raised
            record.msg, record.args = f"{record.getMessage()}: {first_line(cause)}", ()
            record.exc_info = record.exc_text = None
        return True
