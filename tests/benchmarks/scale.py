"""A cluster that is not there: N simulated nodes with a pretended GPU each, and trials that only wait.

    python -m tests.benchmarks.scale --nodes 64 --runs 2000 --seconds 5

All nodes are processes of this machine, so what it shows is the driver: how many slots Tune keeps busy, what a run
costs the driver in CPU time, and its memory. Each node brings three Python processes that have to start on the cores
there are: 16 nodes on two cores, with a shorter wait, ask the same of the driver as 64 on more. The trials import no
torch; they go through study/execution/trials.py as a study's.
"""

import argparse
import time
from typing import Any

import psutil
import ray
from ray import tune
from ray.cluster_utils import Cluster
from rich.console import Console
from rich.table import Table

from study.execution import ray_settings
from study.execution.trials import UnsavedCallback, run_tune

STORE = 80 * 2**20  # bytes, the least that Ray takes for a node's object store


class Waiting(tune.Trainable):  # type: ignore[misc]
    """Stands for a training: waits, reports, is used again."""

    def setup(self, config: dict[str, Any]) -> None:
        """Remembers how long to wait."""
        self.seconds = config["seconds"]

    def reset_config(self, new_config: dict[str, Any]) -> bool:
        """Starts another one in this process."""
        self.seconds = new_config["seconds"]
        return True

    def step(self) -> dict[str, Any]:
        """Waits."""
        time.sleep(self.seconds)
        return {"done": True, "waited": self.seconds}

    def save_checkpoint(self, checkpoint_dir: str) -> dict[str, Any]:
        """Returns nothing to keep."""
        return {}

    def load_checkpoint(self, checkpoint: dict[str, Any] | None) -> None:
        """Does nothing."""


class _Clock(UnsavedCallback):
    """Notes when trials end."""

    def __init__(self) -> None:
        self.ends: list[float] = []

    def on_trial_complete(self, iteration: int, trials: list[Any], trial: Any, **info: Any) -> None:
        self.ends.append(time.monotonic())


def measure(nodes: int, runs: int, seconds: float) -> dict[str, float]:
    """Runs the trials on so many simulated nodes and returns what was measured.

    Returns:
        elapsed: seconds from the first trial's end (less its wait) to the last one's: without starting processes.
        busy: share of the slots that were waiting for a trial's own sake in that time.
        driver_ms: CPU time of the driver per run.
        driver_mib: its memory at the end.
    """
    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 0, "object_store_memory": STORE})
    for _ in range(nodes):
        cluster.add_node(num_cpus=1, num_gpus=1, object_store_memory=STORE, wait=False)
    cluster.wait_for_nodes(timeout=60 + 5 * nodes)
    ray.init(address=cluster.address, logging_level="ERROR", log_to_driver=False)
    ray_settings.hush()
    try:
        clock, process = _Clock(), psutil.Process()
        before = sum(process.cpu_times()[:2])
        trainable = tune.with_resources(Waiting, tune.PlacementGroupFactory([{"CPU": 1, "GPU": 1}]))
        space = {"seconds": tune.grid_search([seconds] * runs)}
        run_tune(trainable, space, tune.TuneConfig(reuse_actors=True), clock)
        cpu = sum(process.cpu_times()[:2]) - before
        elapsed = clock.ends[-1] - clock.ends[0] + seconds
        assert len(clock.ends) == runs
        return {"elapsed": elapsed, "busy": runs * seconds / (nodes * elapsed), "driver_ms": 1000 * cpu / runs,
                "driver_mib": process.memory_info().rss / 2**20}  # fmt: skip
    finally:
        ray.shutdown()
        cluster.shutdown()


def main() -> None:
    """Measures what the arguments say and prints a row."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.scale", allow_abbrev=False)
    parser.add_argument("--nodes", type=int, default=64)
    parser.add_argument("--runs", type=int, default=2000)
    parser.add_argument("--seconds", type=float, default=5.0, help="that a trial waits")
    args = parser.parse_args()
    found = measure(args.nodes, args.runs, args.seconds)
    table = Table(title=f"{args.nodes} simulated nodes, {args.runs} runs of {args.seconds:g} s", title_justify="left")
    for name in ("seconds in all", "slots busy", "driver CPU ms a run", "driver MiB"):
        table.add_column(name, justify="right")
    table.add_row(f"{found['elapsed']:.0f}", f"{found['busy']:.0%}", f"{found['driver_ms']:.0f}",
                  f"{found['driver_mib']:.0f}")  # fmt: skip
    Console().print(table)


if __name__ == "__main__":
    main()
