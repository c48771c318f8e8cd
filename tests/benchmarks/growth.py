"""What a configuration costs beside its training: Tune, record, MLflow, for 30, 300 and 3,000 trivial ones.

`python -m tests.benchmarks.growth N` runs N configurations of one seed and prints what they took as JSON.
"""

import json
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.table import Table

from study import locations
from study.execution.resources import Resources
from study.execution.session import Settings, run_session
from study.studies.declaration import Arm, Study
from tests.benchmarks.measured import measure
from trainables.configuration import Configuration


def table(sizes: Sequence[int]) -> Table:
    """Returns one row per number of configurations."""
    found = Table(title="overhead per configuration of one seed: Tune, record, MLflow parent and child",
                  title_justify="left")  # fmt: skip
    for name in ("configurations", "seconds in all", "ms each after the first", "of the first row", "driver MiB",
                 "workers MiB"):  # fmt: skip
        found.add_column(name, justify="right")
    base = None
    for size in sizes:
        measured = measure(["-m", "tests.benchmarks.growth", str(size)])
        each = json.loads(measured.output.splitlines()[-1])["overhead"]
        base = base or each
        numbers = (f"{measured.seconds:.1f}", f"{1000 * each:.1f}", f"{each / base:.2f}")
        found.add_row(str(size), *numbers, f"{measured.driver:.0f}", f"{measured.others:.0f}")
    return found


def trivial(size: int) -> Study:
    """Returns a study of that many configurations that train two steps of a tiny network."""
    base = Configuration().replace(
        {"data.train_majority": 60, "data.train_minority": 4, "data.validation_majority": 4, "data.test_majority": 4,
         "data.validation_minority": 4, "data.test_minority": 4, "network.hidden": 2, "schedule.epochs": 1}
    )  # fmt: skip
    arms = (Arm(str(i), base.replace({"optimiser.weight_decay": i * 1e-6})) for i in range(size))
    return Study("growth", "benchmark", "trivial configurations", tuple(arms), (), (), seeds=1)


def main(size: int) -> None:
    """Runs the configurations; overhead = time from the first record to the end, per configuration after the first."""
    with tempfile.TemporaryDirectory() as folder:
        settings = Settings(folder, locations.tracking_uri(None, folder), Path(), None, Resources())
        outcome = run_session([trivial(size)], settings, Console(quiet=True))
        ended = time.time()
        records = list(Path(folder).glob("growth/*/seed-0/record.json"))
        if outcome.problems or len(records) != size or not outcome.tracked:
            raise SystemExit(f"{len(records)} of {size} records; {outcome.problems[:3]}")
        first = min(record.stat().st_mtime for record in records)
    print(json.dumps({"overhead": (ended - first) / (size - 1)}))


if __name__ == "__main__":
    main(int(sys.argv[1]))
