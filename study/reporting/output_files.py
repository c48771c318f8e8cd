"""Where figures and pages are written, and the one error of a folder that cannot be written."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from study import locations
from trainables.common import RecordError
from trainables.storage import RunFolder


def output_folder(folder: RunFolder, kind: str) -> Path:
    """Returns where files of a kind ("figures", "pages") lie: in the run folder, here where that is remote."""
    return Path(kind) if locations.is_remote(folder.url) else Path(folder.url, kind)


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Makes the folder of a file, and turns what a full disk or a missing permission raises into a RecordError."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield
    except OSError as error:
        raise RecordError(f"{path} cannot be written: {error.strerror or error}") from error
