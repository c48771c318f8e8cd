"""MLflow logging in a thread of its own, so that a slow or absent server costs a study nothing."""

import logging
import queue
import threading
from collections.abc import Callable, Iterable

from study.locations import command_line, tracking_uri
from study.studies import Study
from study.tracking.tracker import Tracker, open_tracker
from trainables.storage import Record

log = logging.getLogger(__name__)

ReadRecords = Callable[[], Iterable[Record]]


class BackgroundTracker:
    """Logs what is queued until something fails: that is said once, and the rest is left to `study.report --sync`."""

    def __init__(self, uri: str, runs: str, warn: Callable[[str], None]) -> None:
        """Starts the thread; `warn` is called in it with what failed."""
        self._uri, self._runs, self._warn = uri, runs, warn
        self._queue: queue.Queue[tuple[Study, ReadRecords] | None] = queue.Queue()  # None ends the thread
        self._thread = threading.Thread(target=self._run, name="mlflow", daemon=True)
        self.failed = False
        self._thread.start()

    def sync(self, study: Study, read: ReadRecords) -> None:
        """Queues records of a study; `read` is called in the thread and returns all of each of their configurations."""
        self._queue.put((study, read))

    def close(self) -> bool:
        """Waits until everything queued is logged; returns whether it was."""
        self._queue.put(None)
        self._thread.join()
        return not self.failed

    def _run(self) -> None:
        tracker: Tracker | None = None
        while (item := self._queue.get()) is not None:
            if self.failed:
                continue
            try:
                tracker = tracker or open_tracker(self._uri, self._runs)
                study, read = item
                tracker.sync(study, read())
            except Exception as error:  # MLflow's, or a run folder that cannot be read now; the study goes on
                self.failed = True
                log.debug("MLflow failed", exc_info=True)
                is_default = self._uri == tracking_uri(None, self._runs)
                words = ["--sync", "--runs", self._runs, *([] if is_default else ["--tracking-uri", self._uri])]
                fill = command_line("study.report", words)
                self._warn(f"{error}; going on without it, this fills it later: {fill}")
