"""One share of a study done twice: by this project's command, and by peer.py, the documented way."""

import json
import os
import tempfile
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import numpy as np
from rich.table import Table
from scipy import stats

from tests.benchmarks.measured import Measured, measure
from trainables.records import RunFolder

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


WORKS = (
    Work("table7", SINGLE, ("--where", "loss.name=cce", "--where", "output=softmax", "--where", "first_norm=none"),
         epochs=100, seeds=10, quick_epochs=100, quick_seeds=2),
    Work("table5", {"3 vs 8, ratio 0.01, none": "none", "3 vs 8, ratio 0.01, final BN": "batch"},
         ("--where", "minority=3", "--where", "majority=8", "--where", "train_minority=10"),
         epochs=20, seeds=4, quick_epochs=5, quick_seeds=1),
    Work("figure2a", {"head, 10 per 1000, none": "none", "head, 10 per 1000, final BN": "batch"},
         ("--where", "trainable=head", "--where", "train_minority=10", "--network", "resnet18", "--cut", "layer3"),
         epochs=10, seeds=1, quick_epochs=1, quick_seeds=1),
)  # fmt: skip


@dataclass(frozen=True)
class Side:
    """One side of a comparison: what it took, and the test F1 of the minority per arm and seed."""

    measured: Measured
    f1: dict[str, list[float]]


def compare(
    work: Work, epochs: int, seeds: int, repeats: int, data_root: Path, weights: str | None, fastai: str | None
) -> Table:
    """Runs both sides in turn `repeats` times and returns one row per side; medians."""
    sides: dict[str, list[Side]] = {"as documented": [], "this project": []}
    if work.study == "figure2a":
        sides["this project, features computed first"] = []
        if fastai:
            sides["fastai, bn_final=True"] = []
    with tempfile.TemporaryDirectory() as folder:
        for repeat in range(repeats):
            sides["as documented"].append(_peer(work, epochs, seeds, data_root, weights, Path(folder, "peer.json")))
            if "fastai, bn_final=True" in sides:
                sides["fastai, bn_final=True"].append(
                    _fastai(epochs, data_root, weights, fastai, Path(folder, "f.json"))
                )
            runs = Path(folder, f"runs-{repeat}")
            first = _ours(work, epochs, seeds, data_root, weights, runs)
            if work.study == "figure2a":
                sides["this project, features computed first"].append(first)
                for done in runs.glob("figure2a/*/seed-*/record.json"):
                    done.unlink()  # the features stay
                first = _ours(work, epochs, seeds, data_root, weights, runs)
            sides["this project"].append(first)
    its = f"{len(work.arms)} arms x {seeds} seeds x {epochs} epochs, median of {repeats}"
    table = Table(title=f"{work.study}: {its}, {os.cpu_count()} cores", title_justify="left")
    for name in ("side", "seconds", "times faster", "driver MiB", "workers MiB", "F1 none", "F1 final BN", "F1 agrees"):
        table.add_column(name, justify="left" if name == "side" else "right")
    base = median(side.measured.seconds for side in sides["as documented"])
    for name, found in sides.items():
        seconds = median(side.measured.seconds for side in found)
        memory = (f"{median(getattr(side.measured, of) for side in found):.0f}" for of in ("driver", "others"))
        f1 = (f"{np.mean(found[0].f1[arm]):.3f}" for arm in ("none", "batch"))
        agrees = "" if name == "as documented" else _agree(sides["as documented"][0].f1, found[0].f1)
        table.add_row(name, f"{seconds:.1f}", f"{base / seconds:.1f}", *memory, *f1, agrees)
    return table


def _peer(work: Work, epochs: int, seeds: int, data_root: Path, weights: str | None, output: Path) -> Side:
    options = ["--data-root", str(data_root), "--seeds", str(seeds), "--epochs", str(epochs), "--output", str(output)]
    given = ["--weights", str(Path(weights).resolve())] if weights else []
    measured = measure(["-m", "tests.benchmarks.peer", work.study, *options, *given])
    return Side(measured, json.loads(output.read_text()))


def _fastai(epochs: int, data_root: Path, weights: str | None, python: str | None, output: Path) -> Side:
    options = [
        "--data-root",
        str(data_root),
        "--weights",
        str(weights),
        "--epochs",
        str(epochs),
        "--output",
        str(output),
    ]
    measured = measure([str(Path(str(python)).absolute()), "tests/benchmarks/fastai_peer.py", *options])
    return Side(measured, json.loads(output.read_text()))


def _ours(work: Work, epochs: int, seeds: int, data_root: Path, weights: str | None, runs: Path) -> Side:
    options = ["--data-root", str(data_root), "--seeds", str(seeds), "--set", f"schedule.epochs={epochs}"]
    given = ["--weights", weights] if weights and work.study == "figure2a" else []
    measured = measure(["-m", "study.grid", work.study, *work.options, *options, *given, "--runs", str(runs)])
    f1: dict[str, list[float]] = {"none": [], "batch": []}
    for record in RunFolder(str(runs)).records(work.study):
        f1[work.arms[record.arm]].append(record.metric("test/f1/minority"))
    return Side(measured, f1)


def _agree(peer: dict[str, list[float]], ours: dict[str, list[float]]) -> str:
    """Whether the F1 of both arms are equal up to noise: Welch's t test at 1 %; the comparison is void otherwise."""
    verdicts = []
    for arm in ("none", "batch"):
        if min(len(peer[arm]), len(ours[arm])) < 2:
            return "one seed: not judged"
        same = np.ptp(peer[arm]) == np.ptp(ours[arm]) == 0 and peer[arm][0] == ours[arm][0]
        verdicts.append(same or stats.ttest_ind(peer[arm], ours[arm], equal_var=False).pvalue > 0.01)
    return "yes" if all(verdicts) else "no: void"
