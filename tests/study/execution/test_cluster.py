"""The cluster is connected to, and its nodes are asked for the run folder."""

import contextlib
import gc
import threading
import weakref
from pathlib import Path

import pytest
import ray

from study.execution import cluster, connect, probe_nodes
from trainables.common import RecordError, UnavailableError
from trainables.storage import RunFolder


@pytest.mark.usefixtures("ray_local")
@pytest.mark.timeout(120)
def test_every_node_must_see_the_run_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RAY_ADDRESS", "a cluster, not this machine's own Ray")
    probe_nodes(str(tmp_path))
    assert list(tmp_path.iterdir()) == []
    probe_nodes("file://" + str(tmp_path))
    monkeypatch.setattr(RunFolder, "scratch", lambda self, path: contextlib.nullcontext(path))  # nothing is written
    with pytest.raises(RecordError, match=r"does not share the run folder .*a file written by the driver is not"):
        probe_nodes(str(tmp_path))


def test_a_ray_that_does_not_start_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    def too_busy(**_: object) -> None:
        raise RuntimeError("The current node timed out during startup.\nmore")

    monkeypatch.setattr(ray, "is_initialized", lambda: False)
    monkeypatch.setattr(ray, "init", too_busy)
    with pytest.raises(UnavailableError, match=r"which may be too busy: The current node timed out during startup\.$"):
        connect()


def test_nothing_that_holds_rays_objects_is_freed_while_ray_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    """Freeing a reference meanwhile ends the process: "The core worker has already been shutdown"."""

    class Holder:
        """Stands for what Tune leaves behind: cycles that hold references."""

    seen: list[tuple[bool, bool]] = []
    holder = Holder()
    holder.itself = holder  # type: ignore[attr-defined]
    left = weakref.ref(holder)
    monkeypatch.setattr(cluster, "connect", lambda **_: None)
    monkeypatch.setattr(ray, "is_initialized", lambda: False)
    monkeypatch.setattr(ray, "shutdown", lambda: seen.append((left() is None, gc.isenabled())))
    with cluster.connected():
        del holder
    for thread in threading.enumerate():
        if thread.name == "end of Ray":
            thread.join()
    assert seen == [(True, False)]
    assert gc.isenabled()
