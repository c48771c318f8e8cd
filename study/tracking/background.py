"""MLflow logging in a thread of its own, so that a slow or absent server costs a study nothing."""

import logging
import queue
import threading
import time
from collections.abc import Callable, Iterable

from study.locations import command_line, tracking_uri, without_password
from study.studies import Study
from study.tracking.tracker import Tracker, open_tracker
from trainables.storage import Record

log = logging.getLogger(__name__)

ReadRecords = Callable[[], Iterable[Record]]
PATIENCE = 5.0  # seconds without any answer of MLflow's, after which nobody waits for it any more
OPENING, LONGEST = 60.0, 300.0  # seconds that `close` takes at most: until MLflow is open, and however well it answers


class BackgroundTracker:
    """Logs what is queued until something fails: that is said once, and the rest is left to `study.report --sync`."""

    def __init__(self, uri: str, runs: str, warn: Callable[[str], None], patience: float = PATIENCE) -> None:
        """Starts the thread; `warn` is told once what failed, and what MLflow lacks for it."""
        self._uri, self._runs, self._warn, self._patience = uri, runs, warn, patience
        self._queue: queue.Queue[tuple[Study, ReadRecords] | None] = queue.Queue()  # None ends the thread
        self._studies: dict[str, None] = {}  # names, in the order they came
        self._tracker: Tracker | None = None
        self._ended = threading.Event()
        self._saying = threading.Lock()
        self.failed = False
        threading.Thread(target=self._run, name="mlflow", daemon=True).start()

    def sync(self, study: Study, read: ReadRecords) -> None:
        """Queues records of a study; `read` is called in the thread and returns all of each of their configurations."""
        self._studies[study.name] = None
        self._queue.put((study, read))

    def close(self) -> bool:
        """Waits until everything queued is logged, as long as MLflow answers; returns whether it was."""
        self._queue.put(None)
        began = time.monotonic()
        while not self._ended.wait(min(0.2, self._patience)):
            now, tracker = time.monotonic(), self._tracker
            if tracker is not None and now - max(began, tracker.answered_at) > self._patience:
                self._give_up(f"MLflow: no answer of {without_password(self._uri)} for {self._patience:g} s")
                break
            longest = OPENING if tracker is None else LONGEST
            if now - began > longest:
                self._give_up(f"MLflow: {without_password(self._uri)} takes longer than {longest:g} s")
                break
        return not self.failed

    def _run(self) -> None:
        try:
            while (item := self._queue.get()) is not None:
                if not self.failed:
                    self._log(*item)
        finally:
            self._ended.set()

    def _log(self, study: Study, read: ReadRecords) -> None:
        try:
            self._tracker = self._tracker or open_tracker(self._uri, self._runs, patient=True)
            self._tracker.sync(study, read())
        except Exception as error:  # MLflow's, or a run folder that cannot be read now; the study goes on
            log.debug("MLflow failed", exc_info=True)
            self._give_up(str(error))

    def _give_up(self, why: str) -> None:
        """Says why, what is missing and what fills it; only the first time."""
        with self._saying:
            if self.failed:
                return
            self.failed = True
        words = ["--sync", *self._studies, "--runs", self._runs]
        if self._uri != tracking_uri(None, self._runs):
            words += ["--tracking-uri", self._uri]
        self._warn(
            f"{why}; going on without it. Not all of {', '.join(self._studies)} is there; this fills it: "
            f"{command_line('study.report', words)}"
        )
