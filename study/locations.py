"""Where runs, MLflow and data lie. Resolved once, in the driver: workers have other working directories."""

import os
import re
import shlex
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from trainables.common import ConfigurationError

RUNS_VARIABLE, DATA_VARIABLE, MLFLOW_VARIABLE = "FINALBN_RUNS", "FINALBN_DATA", "MLFLOW_TRACKING_URI"
_HOME = Path("~/final-bn/runs")  # inside a Ray job, whose working directory is temporary
# of run folders that are URLs: stores that fsspec writes files to as a whole, not archives, pages or caches
SCHEMES = (
    *("s3", "s3a", "gs", "gcs", "az", "abfs", "abfss", "adl", "oss", "oci", "hdfs", "webhdfs", "sftp", "ssh", "smb"),
    *("file", "local", "memory"),
)
_PLAIN_PATH = re.compile(r"[\w./ -]+", re.ASCII)  # characters that stand for themselves in a URI of a database


@dataclass(frozen=True)
class Locations:
    """Where a command reads and writes.

    Attributes:
        runs: the run folder, an absolute path or a URL.
        tracking_uri: of MLflow; None where MLflow is off.
        data_root: the folder of the data sets.
        options: words of a command line that lead another command there, wherever it is typed.
    """

    runs: str
    tracking_uri: str | None
    data_root: Path
    options: tuple[str, ...] = ()


def command_line(module: str, words: Iterable[str]) -> str:
    """Returns a line that runs a command of this project where it is pasted; no password.

    With this Python, by its full path; in a Ray job, whose output is read elsewhere, as another job.
    """
    python = "ray job submit --working-dir . -- python" if inside_ray_job() else shlex.quote(sys.executable)
    return without_password(f"{python} -m {module} {shlex.join(words)}".rstrip())


def inside_ray_job() -> bool:
    """Whether this process is the entrypoint of a submitted Ray job."""
    return "RAY_JOB_CONFIG_JSON_ENV_VAR" in os.environ


def runs_folder(given: str | None) -> str:
    """Returns the run folder: `given`, else $FINALBN_RUNS, else ./runs (in a Ray job ~/final-bn/runs).

    Raises:
        ConfigurationError: an empty path, a path that cannot be made absolute, a URL of a scheme not in SCHEMES.
    """
    if given is not None and not given.strip():
        raise ConfigurationError(f"--runs: got {given!r}; a folder or a URL is needed")
    chosen = given or os.environ.get(RUNS_VARIABLE) or (str(_HOME) if inside_ray_job() else "runs")
    if not is_remote(chosen):
        return str(absolute(chosen))
    scheme = chosen.partition("://")[0]
    if scheme not in SCHEMES:
        raise ConfigurationError(f"--runs: got a URL of {scheme!r}; allowed: a folder, or {', '.join(SCHEMES)}")
    return chosen


def tracking_uri(given: str | None, runs: str) -> str | None:
    """Returns the MLflow URI: `given`, else $MLFLOW_TRACKING_URI, else SQLite in a local run folder, else None."""
    chosen = given or os.environ.get(MLFLOW_VARIABLE)
    if chosen:
        return chosen
    return None if is_remote(runs) else sqlite_uri(Path(runs, "mlflow.db"))


def sqlite_uri(path: Path) -> str:
    """Returns the URI of an SQLite file, whatever characters its path has (`?`, `%` and `#` mean something in a URI).

    Where it has such, the driver is named too: MLflow makes the folder of a bare `sqlite:///` as it is written there.
    """
    if _PLAIN_PATH.fullmatch(str(path)):
        return f"sqlite:///{path}"
    from sqlalchemy import URL  # takes a moment to import

    return URL.create("sqlite+pysqlite", database=str(path)).render_as_string(hide_password=False)


def data_root(given: str | None) -> Path:
    """Returns the data folder: `given`, else $FINALBN_DATA, else ~/.cache/final-bn."""
    return absolute(given or os.environ.get(DATA_VARIABLE) or "~/.cache/final-bn")


def absolute(path: str) -> Path:
    """Returns a path that means the same everywhere; raises ConfigurationError for an unknown user or looping links."""
    try:
        return Path(path).expanduser().resolve()
    except (OSError, RuntimeError) as error:
        raise ConfigurationError(f"{path}: {error}") from error


def is_remote(url: str) -> bool:
    """Whether a run folder is a URL rather than a path."""
    return "://" in url


def without_password(text: str) -> str:
    """Returns a text, such as a URI or an error that quotes one, with the passwords of its URIs as ***."""
    return re.sub(r"(://[^/\s:@]*):[^/\s]*@", r"\1:***@", text)
