"""Files in a place that may be a local folder, a mounted one or an object store, all by fsspec.

A file is written as a whole or not at all, and whatever a store raises becomes one line of a RecordError.
"""

import glob
import hashlib
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import fsspec
from fsspec.implementations.local import LocalFileSystem

from trainables.common import GIB, RecordError, read_regular, sha256_of_regular

LARGEST = 16 * GIB  # a file that is read; features of 50,000 images are 1 GiB

OPEN_MODES = (0o755, 0o775, 0o644, 0o664)  # under the umasks that systems set by themselves, 022 and 002


def make_private_folder(path: Path) -> None:
    """Makes a folder with its parents unless it is there, for its owner alone; raises OSError where that fails."""
    if not path.is_dir():
        path.mkdir(parents=True, exist_ok=True)
        make_private(path)


def make_private(path: Path) -> None:
    """Takes a new file or folder away from group and others, unless somebody chose a umask or folder to share it by."""
    if path.stat().st_mode & 0o7777 in OPEN_MODES:
        with suppress(PermissionError):  # a mounted file system that keeps no modes
            path.chmod(path.stat().st_mode & 0o700)


class SharedFolder:
    """A local folder, a shared one, or any URL that fsspec opens."""

    def __init__(self, url: str) -> None:
        self.url = url
        try:
            self._files, root = fsspec.core.url_to_fs(url)
        except (ImportError, ValueError) as error:
            raise RecordError(f"run folder {url}: {error}") from error
        self._root = root.rstrip("/")
        self._local = isinstance(self._files, LocalFileSystem)

    def put(self, name: str, content: bytes) -> None:
        """Stores a file in the folder; raises RecordError where that fails."""
        self._put(f"{self._root}/{name}", content)

    def get(self, name: str, largest: int = LARGEST) -> bytes | None:
        """Returns what `put` stored, None where there is nothing; raises RecordError where that cannot be said."""
        try:
            self._files.invalidate_cache()
            return self._read(f"{self._root}/{name}", largest)
        except (FileNotFoundError, NotADirectoryError):
            return None

    def remove(self, name: str) -> None:
        """Removes what `put` stored, if it is there; raises RecordError where that fails."""
        try:
            with suppress(FileNotFoundError):
                self._files.rm_file(f"{self._root}/{name}")
        except Exception as error:  # an object store's library raises what it likes
            raise RecordError(f"run folder {self.url}: {name} cannot be removed: {error}") from error

    def names(self, pattern: str) -> list[str]:
        """Returns the names of the files that a pattern such as `*/x-*` matches; RecordError where that fails."""
        return [path.removeprefix(f"{self._root}/") for path in self._glob(pattern)]

    def probe(self) -> None:
        """Writes and reads a file; raises RecordError with the reason where that fails."""
        with self.scratch(f".probe-{uuid.uuid4().hex}") as path:
            if not self.sees(path):
                raise RecordError(f"run folder {self.url}: what was written could not be read back")

    @contextmanager
    def scratch(self, name: str) -> Iterator[str]:
        """Puts a small file into the folder while the context lasts, and gives its path to `sees`."""
        path = f"{self._root}/{name}"
        self._put(path, b"scratch")
        try:
            yield path
        finally:
            with suppress(Exception):  # what stays behind is harmless, what came of the work is not to be lost
                self._files.rm_file(path)

    def sees(self, path: str) -> bool:
        """Whether a file of `scratch`, perhaps of another machine, is there."""
        return bool(self._files.exists(path))

    def _glob(self, pattern: str) -> list[str]:
        with self._readable():
            return [str(path) for path in self._files.glob(f"{glob.escape(self._root)}/{pattern}")]

    def _read(self, path: str, largest: int = LARGEST) -> bytes:
        with self._readable(path):
            return read_regular(Path(path), largest) if self._local else bytes(self._files.cat_file(path))

    def _sha256(self, path: str) -> str:
        with self._readable(path):
            if self._local:
                return sha256_of_regular(Path(path), LARGEST)
            return hashlib.sha256(self._files.cat_file(path)).hexdigest()

    @contextmanager
    def _readable(self, path: str = "") -> Iterator[None]:
        """Turns what a store says instead of answering into a RecordError; that there is no such file is an answer."""
        try:
            yield
        except (FileNotFoundError, NotADirectoryError):
            raise
        except Exception as error:  # no permission, no credentials, no network: a store's library raises what it likes
            file = f": {path.removeprefix(f'{self._root}/')}" if path else ""
            reason = " ".join(str(error).split())[:300]
            raise RecordError(f"run folder {self.url} cannot be read{file}: {reason}") from error

    def _put(self, path: str, content: bytes) -> None:
        """Writes a file as a whole or not at all (an object store's put is atomic by itself)."""
        target = f"{path}.{uuid.uuid4().hex}.part" if self._local else path
        try:
            if self._local:
                make_private_folder(Path(self._root))
            self._files.makedirs(path.rsplit("/", 1)[0], exist_ok=True)
            self._files.pipe_file(target, content)
            if self._local:
                self._files.mv(target, path)
        except Exception as error:  # an object store's library raises what it likes
            if self._local:
                with suppress(OSError):  # half a file would keep a full disk full
                    self._files.rm_file(target)
            if self._local and not isinstance(error, OSError):
                raise
            reason = " ".join(str(error).split())[:300]
            raise RecordError(f"run folder {self.url} cannot be written: {reason}") from error
