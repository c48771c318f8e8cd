"""MLflow that hangs, is too busy, fails, talks nonsense, is locked or damaged: one line, and nobody waits for it."""

import socket
import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from pathlib import Path

import pytest

from study.locations import tracking_uri
from study.studies.declaration import Arm, Study
from study.tracking.background import BackgroundTracker
from study.tracking.connection import TrackingError
from study.tracking.tracker import open_tracker
from tests.support.records import make_record
from trainables.configuration import Configuration

STUDY = Study("s", "source", "title", (Arm("plain", Configuration()),), (), ())
ANSWERS = {
    "hangs": b"",
    "is too busy": b"HTTP/1.1 429 Too Many Requests\r\nRetry-After: 3600\r\nContent-Length: 0\r\n\r\n",
    "fails": b"HTTP/1.1 500 Oops\r\nContent-Length: 0\r\n\r\n",
    "talks nonsense": b"HTTP/1.1 200 OK\r\nContent-Length: 12\r\n\r\n<html>\x1b\xff...",
    "is none": bytes(range(256)),
}


@pytest.fixture
def server() -> Iterator[Callable[[bytes], str]]:
    """Starts servers that give every request one answer, or none at all."""
    listening: list[socket.socket] = []
    open_connections: list[socket.socket] = []
    threads: list[threading.Thread] = []

    def accept(listener: socket.socket, answer: bytes) -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            if not answer:
                open_connections.append(connection)
                continue
            with suppress(OSError), connection:
                connection.recv(65536)
                connection.sendall(answer)

    def start(answer: bytes) -> str:
        listener = socket.create_server(("127.0.0.1", 0))
        listening.append(listener)
        threads.append(threading.Thread(target=accept, args=(listener, answer), daemon=True))
        threads[-1].start()
        return f"http://127.0.0.1:{listener.getsockname()[1]}"

    yield start
    for listener in listening:
        with suppress(OSError):
            listener.shutdown(socket.SHUT_RDWR)  # ends `accept`, which would take one more connection and leave it open
        listener.close()
    for thread in threads:
        thread.join(10)
    for connection in open_connections:
        connection.close()


@pytest.mark.parametrize("answer", ANSWERS.values(), ids=ANSWERS.keys())
def test_a_study_does_not_wait_for_a_server_that(
    answer: bytes, server: Callable[[bytes], str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lines: list[str] = []
    uri = server(answer)
    tracker = BackgroundTracker(uri, str(tmp_path), lines.append, patience=0.3)
    for _ in range(3):
        tracker.sync(STUDY, lambda: [make_record(study="s")])
    assert tracker.close() is False
    (line,) = lines
    assert line.endswith(f" -m study.report --sync s --runs {tmp_path} --tracking-uri {uri}")
    assert "Not all of s is there; this fills it: " in line


@pytest.mark.parametrize("what", ["too busy", "fails"])
def test_a_command_that_waits_for_mlflow_does_not_wait_as_long_as_it_is_asked_to(
    what: str, server: Callable[[bytes], str], tmp_path: Path
) -> None:
    uri = server(ANSWERS["is too busy" if what == "too busy" else what])
    with pytest.raises(TrackingError, match=r"http://127.0.0.1:.* failed: "):
        open_tracker(uri, str(tmp_path)).sync(STUDY, [make_record(study="s")])


def test_a_database_that_is_locked_or_none_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("study.tracking.local_database.SECONDS", 0.1)
    path = tmp_path / "mlflow.db"
    uri = tracking_uri(None, str(tmp_path))
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("CREATE TABLE t (x)")
        other.execute("BEGIN EXCLUSIVE")
        with pytest.raises(TrackingError, match="database is locked"):
            open_tracker(uri, str(tmp_path))
    path.write_bytes(b"no database " * 100)
    with pytest.raises(TrackingError, match="file is not a database"):
        open_tracker(uri, str(tmp_path))
    path.unlink()
    path.mkdir()
    with pytest.raises(TrackingError, match="no regular file"):
        open_tracker(uri, str(tmp_path))


@pytest.mark.timeout(300)
@pytest.mark.parametrize("name", ["is it?", "100%25", "a#b", "ä"])
def test_the_database_and_the_artifacts_lie_in_the_run_folder_whatever_its_name(name: str, tmp_path: Path) -> None:
    runs = tmp_path / name
    tracker = open_tracker(tracking_uri(None, str(runs)), str(runs))
    tracker.sync(STUDY, [make_record(study="s")])
    note = tmp_path / "note.txt"
    note.write_text("hello")
    tracker.log_files(STUDY, make_record().key, 0, [note], "onnx")
    assert (runs / "mlflow.db").is_file()
    assert [path.read_text() for path in runs.rglob("note.txt")] == ["hello"]
    assert {path.name for path in tmp_path.iterdir()} == {name, "note.txt"}
