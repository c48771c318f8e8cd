"""How MLflow is asked: how long one waits for a server, where artifacts lie, and what its failure is."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from study.locations import without_password
from trainables.common import UnavailableError, first_line

# MLflow's own settings of its requests, which a user's win over: without them one waits for minutes, and for as long as
# a server asks it to. A thread that nobody waits for is patient.
SETTINGS = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "15",  # seconds
    "MLFLOW_HTTP_REQUEST_BACKOFF_FACTOR": "1",  # the second retry comes after twice as many seconds
}
HASTY = {"MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1", "MLFLOW_HTTP_RESPECT_RETRY_AFTER_HEADER": "false"}
PATIENT = {"MLFLOW_HTTP_REQUEST_MAX_RETRIES": "2", "MLFLOW_HTTP_RESPECT_RETRY_AFTER_HEADER": "true"}
_SET_BY_USER = frozenset(os.environ)  # names, before any of them is set here


class TrackingError(UnavailableError):
    """MLflow, its server or its database did not do what was asked; the records are not touched by it."""


def set_requests(patient: bool) -> None:
    """Sets how MLflow's client asks servers, in this process; `patient`: it may wait as long as a busy server says."""
    for name, value in (SETTINGS | (PATIENT if patient else HASTY)).items():
        if name not in _SET_BY_USER:
            os.environ[name] = value


def is_sqlite(uri: str) -> bool:
    """Whether a tracking URI names an SQLite database."""
    return uri.startswith(("sqlite:", "sqlite+"))


def artifacts_in(runs: str) -> str:
    """Returns where a local run folder keeps MLflow's artifacts: a path, or a URI where a path would be read as one."""
    folder = Path(runs, "mlflow-artifacts")
    return folder.as_uri() if set("?#%") & set(runs) else str(folder)


@contextmanager
def tracking_errors() -> Iterator[None]:
    """Turns whatever MLflow, its server or its database raises into a TrackingError of one line."""
    try:
        yield
    except TrackingError:  # of a part of it, on one line already
        raise
    except Exception as error:
        line = first_line(error)
        if " failed with exception " in line:  # a server that does not answer: the request, then why
            cause = error
            while cause.__context__ is not None:
                cause = cause.__context__  # type: ignore[assignment]
            line = f"{line.partition(' failed with exception ')[0]} failed: {cause}"
        raise TrackingError(without_password(f"MLflow: {type(error).__name__}: {line}")) from error
