"""One share of a study done twice: by this project's command, and by peer.py, the documented way.

Also by fastai where there is an environment with it.
"""

import json
import os
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import numpy as np
from rich.table import Table
from scipy import stats

from tests.benchmarks.measured import Measured, measure
from trainables.storage.run_folder import RunFolder

SINGLE = {"softmax CCE": "none", "softmax CCE + final BN": "batch"}


@dataclass(frozen=True)
class Work:
    """A share of a study that both sides do."""

    study: str
    arms: dict[str, str]  # arm of the study -> its name on the other side, none or batch
    options: tuple[str, ...]  # what chooses these arms on the command line
    epochs: int
    seeds: int
    quick_epochs: int
    quick_seeds: int
    whole: tuple[str, ...] | None = None  # options of a larger share that this project does too: starting costs once
    whole_seeds: int = 0


FROZEN = ("--where", "trainable=head", "--network", "resnet18", "--cut", "layer3")
WORKS = (
    Work("table7", SINGLE, ("--where", "loss.name=cce", "--where", "output=softmax", "--where", "first_norm=none"),
         epochs=100, seeds=10, quick_epochs=100, quick_seeds=2, whole=(), whole_seeds=10),
    Work("table5", {"3 vs 8, ratio 0.01, none": "none", "3 vs 8, ratio 0.01, final BN": "batch"},
         ("--where", "minority=3", "--where", "majority=8", "--where", "train_minority=10"),
         epochs=20, seeds=4, quick_epochs=5, quick_seeds=1),
    Work("figure2a", {"head, 10 per 1000, none": "none", "head, 10 per 1000, final BN": "batch"},
         (*FROZEN, "--where", "train_minority=10"),
         epochs=10, seeds=1, quick_epochs=1, quick_seeds=1, whole=FROZEN, whole_seeds=3),
)  # fmt: skip


@dataclass(frozen=True)
class Side:
    """One side of a comparison: what it took, its number of runs, and per arm the test F1 of the minority per seed."""

    measured: Measured
    runs: int
    f1: dict[str, list[float]]


FASTAI = "fastai, bn_final=True"
WHOLE = "this project, all arms"


@dataclass(frozen=True)
class Comparer:
    """Does a work on every side.

    Attributes:
        work: the share of a study.
        epochs: of every run.
        seeds: per arm and repetition.
        data_root: where MNIST and PlantVillage lie.
        weights: state dict of a ResNet-18, for figure2a.
        fastai: python of an environment with fastai, or None.
        quick: without the larger share.
    """

    work: Work
    epochs: int
    seeds: int
    data_root: Path
    weights: str | None
    fastai: str | None
    quick: bool = False

    def table(self, repeats: int) -> Table:
        """Runs all sides in turn `repeats` times and returns one row per side: medians, and times faster per run.

        Other sides draw new seeds in every repetition; this project repeats its own, whose results do not change.
        """
        sides: dict[str, list[Side]] = {}
        with tempfile.TemporaryDirectory() as folder:
            for repeat in range(repeats):
                for name, side in self._once(repeat, Path(folder, str(repeat))):
                    sides.setdefault(name, []).append(side)
        its = f"{self.seeds} seeds an arm x {self.epochs} epochs, median of {repeats}"
        found = Table(title=f"{self.work.study}: {its}, {os.cpu_count()} cores", title_justify="left")
        for name in ("side", "runs", "seconds", "ms per run", "times faster", "driver MiB", "workers MiB", "F1 none",
                     "F1 final BN", "F1 agrees"):  # fmt: skip
            found.add_column(name, justify="left" if name == "side" else "right")
        peer = sides["as documented"]
        base = median(side.measured.seconds / side.runs for side in peer)
        pooled = {arm: [value for side in peer for value in side.f1[arm]] for arm in ("none", "batch")}
        for name, done in sides.items():
            seconds = median(side.measured.seconds for side in done)
            each = seconds / done[0].runs
            memory = (f"{median(getattr(side.measured, of) for side in done):.0f}" for of in ("driver", "others"))
            once = done if name == FASTAI else done[:1]
            f1 = {arm: [value for side in once for value in side.f1[arm]] for arm in ("none", "batch")}
            f1 = pooled if done is peer else f1
            means = (f"{np.mean(values):.3f}" if values else "-" for values in f1.values())
            agrees = "" if done is peer else agree(pooled, f1)
            numbers = (f"{seconds:.1f}", f"{1000 * each:.0f}", f"{base / each:.1f}")
            found.add_row(name, str(done[0].runs), *numbers, *memory, *means, agrees)
        return found

    def _once(self, repeat: int, folder: Path) -> Iterator[tuple[str, Side]]:
        folder.mkdir()
        yield "as documented", self._peer(repeat * self.seeds, folder / "peer.json")
        runs = folder / "runs"
        if self.work.study == "figure2a":
            if self.fastai:
                yield FASTAI, self._fastai(repeat, folder / "fastai.json")
            yield "this project, features computed first", self._ours(self.work.options, self.seeds, runs)
        yield "this project", self._ours(self.work.options, self.seeds, runs)
        if self.work.whole is not None and not self.quick:
            yield WHOLE, self._ours(self.work.whole, self.work.whole_seeds, runs)

    def _peer(self, first_seed: int, output: Path) -> Side:
        options = ["--seeds", str(self.seeds), "--first-seed", str(first_seed), *self._given(output)]
        a_ray_of_its_own = {"RAY_ADDRESS": "local"}  # not one that somebody else started or left dead on this machine
        measured = measure(["-m", "tests.benchmarks.peer", self.work.study, *options], a_ray_of_its_own)
        return _read(measured, output)

    def _fastai(self, seed: int, output: Path) -> Side:
        python = str(Path(str(self.fastai)).absolute())
        measured = measure([python, "tests/benchmarks/fastai_peer.py", "--seed", str(seed), *self._given(output)])
        return _read(measured, output)

    def _given(self, output: Path) -> list[str]:
        given = ["--data-root", str(self.data_root), "--epochs", str(self.epochs), "--output", str(output)]
        return [*given, *(["--weights", str(Path(self.weights).resolve())] if self.weights else [])]

    def _ours(self, which: tuple[str, ...], seeds: int, runs: Path) -> Side:
        for done in runs.glob("*/*/seed-*/record.json"):
            done.unlink()  # features stay
        options = ["--data-root", str(self.data_root), "--seeds", str(seeds), "--runs", str(runs)]
        given = ["--weights", str(self.weights)] if self.work.study == "figure2a" else []
        epochs = ["--set", f"schedule.epochs={self.epochs}"]
        measured = measure(["-m", "study.grid", self.work.study, *which, *options, *epochs, *given])
        f1: dict[str, list[float]] = {"none": [], "batch": []}
        records = list(RunFolder(str(runs)).records(self.work.study))
        for record in records:
            if record.arm in self.work.arms:
                f1[self.work.arms[record.arm]].append(record.metric("test/f1/minority"))
        return Side(measured, len(records), f1)


def _read(measured: Measured, output: Path) -> Side:
    f1 = json.loads(output.read_text())
    return Side(measured, sum(map(len, f1.values())), f1)


def agree(peer: dict[str, list[float]], other: dict[str, list[float]]) -> str:
    """Whether the F1 of every arm are equal up to noise: Welch's t test at 1 %; the comparison is void otherwise."""
    verdicts = []
    for arm in ("none", "batch"):
        if not other[arm]:
            continue
        if min(len(peer[arm]), len(other[arm])) < 2:
            return "one seed: not judged"
        same = np.ptp(peer[arm]) == np.ptp(other[arm]) == 0 and peer[arm][0] == other[arm][0]
        verdicts.append(same or stats.ttest_ind(peer[arm], other[arm], equal_var=False).pvalue > 0.01)
    return "yes" if all(verdicts) else "no: void"
