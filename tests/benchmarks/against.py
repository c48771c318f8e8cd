"""The same commands with this checkout and with another commit of the project, in turn: what became faster.

The other commit is checked out beside this one (`git worktree`) and runs with the same Python and packages. Ratios of
medians are what counts. F1 is compared run by run of the same arms and seeds, by Welch's t test per arm.
"""

import subprocess
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

from rich.table import Table
from scipy import stats

from tests.benchmarks.measured import ROOT, measure
from trainables.storage.run_folder import RunFolder

FROZEN = ("--where", "trainable=head", "--network", "resnet18", "--cut", "layer3", "--seeds", "3")
SMOKE = ("--smoke", "--where", "augmentation.transform=none", "--where", "mixup_alpha=0", "--where", "weight_decay=0")
CNNS = ("--where", "minority=3", "--where", "majority=8", "--where", "train_minority=10", "--seeds", "4",
        "--set", "schedule.epochs=20")  # fmt: skip
ARMS_OF_F1 = ("none", "plain", "final BN")  # an arm's name ends in one of them
SAME = 0.01  # p of Welch's test above which F1 agrees


@dataclass(frozen=True)
class Command:
    """A command that both sides run.

    Attributes:
        name: of the row.
        arguments: of `python -m`.
        study: whose records it writes; empty where it writes none.
        warm: run once before it is timed, its records then removed: weights, features and caches are there.
        needs: "data" (MNIST) and "weights" (a ResNet-18), which not every machine has.
    """

    name: str
    arguments: tuple[str, ...]
    study: str = ""
    warm: bool = False
    needs: tuple[str, ...] = ()


COMMANDS = (
    Command("digits, 320 runs", ("study.grid", "digits"), "digits"),
    Command("report digits", ("study.report", "digits")),
    Command("list", ("study.grid", "--list")),
    Command("8 smoke runs", ("study.grid", "digits", *SMOKE), "digits-smoke"),
    Command("table7, 120 runs", ("study.grid", "table7"), "table7", needs=("data",)),
    Command("figure2a frozen, 138 runs, features at hand", ("study.grid", "figure2a", *FROZEN), "figure2a", warm=True,
            needs=("data", "weights")),
    Command("table5, 8 runs of 20 epochs", ("study.grid", "table5", *CNNS), "table5", needs=("data",)),
)  # fmt: skip


@dataclass
class Side:
    """What a checkout took: seconds of every repetition, of the whole command and of the training in it; F1 of arms."""

    seconds: list[float] = field(default_factory=list)
    training: list[float] = field(default_factory=list)
    f1: dict[str, list[float]] = field(default_factory=dict)


def table(
    commit: str,
    repeats: int,
    data_root: Path,
    weights: str | None,
    only: Sequence[str] = (),
    say: Callable[[str], None] = lambda _: None,
) -> Table:
    """Runs every command with both checkouts in turn, `repeats` times, and returns a row per command.

    Args:
        commit: of the other side, any name that git takes.
        repeats: of each command; medians are shown.
        data_root: where MNIST and PlantVillage lie; what needs them is left out where they are missing.
        weights: a state dict of a ResNet-18, for figure2a.
        only: names of commands start so; none is all.
        say: hears of each command as soon as it is measured: what is measured is not lost with the rest.
    """
    found = Table(title=f"this checkout against {commit}, medians of {repeats}", title_justify="left")
    for name in ("command", f"{commit} s", "here s", "times faster", "training alone", "F1 agrees"):
        found.add_column(name, justify="left" if name == "command" else "right")
    with other_checkout(commit) as checkout, tempfile.TemporaryDirectory() as folder:
        for command in COMMANDS:
            if (only and not command.name.startswith(tuple(only))) or not _has(command, data_root, weights):
                continue
            there, here = Side(), Side()
            for _ in range(repeats):
                for side, root in ((there, checkout), (here, ROOT)):
                    _run(command, side, root, Path(folder, "here" if root == ROOT else "there"), data_root, weights)
            whole = median(there.seconds) / median(here.seconds)
            training = f"{median(there.training) / median(here.training):.1f}" if here.training else ""
            numbers = (f"{median(there.seconds):.1f}", f"{median(here.seconds):.1f}", f"{whole:.1f}", training)
            row = (command.name, *numbers, agreement(there.f1, here.f1))
            found.add_row(*row)
            say("; ".join(row))
    return found


@contextmanager
def other_checkout(commit: str) -> Iterator[Path]:
    """Puts another commit of this repository into a folder of its own meanwhile."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "checkout")
        git = ("git", "-C", str(ROOT), "worktree")
        subprocess.run([*git, "add", "--quiet", "--detach", str(path), commit], check=True)
        try:
            yield path
        finally:
            subprocess.run([*git, "remove", "--force", str(path)], check=True)


def agreement(there: Mapping[str, list[float]], here: Mapping[str, list[float]]) -> str:
    """Returns whether F1 of the same arms are equal up to noise: the arms, and those where Welch's test finds a gap."""
    if not here:
        return ""
    apart = []
    for arm, values in here.items():
        if sorted(values) == sorted(there[arm]) or min(len(values), len(there[arm])) < 2:
            continue
        if stats.ttest_ind(values, there[arm], equal_var=False).pvalue <= SAME / len(here):
            apart.append(arm)
    return f"{len(here) - len(apart)} of {len(here)} arms" + (f"; not {', '.join(apart)}" if apart else "")


def _has(command: Command, data_root: Path, weights: str | None) -> bool:
    has = {"data": (data_root / "MNIST").exists(), "weights": weights is not None}
    return all(has[need] for need in command.needs)


def _run(command: Command, side: Side, checkout: Path, runs: Path, data_root: Path, weights: str | None) -> None:
    """Runs a command once and adds what it took; earlier records of its study are removed, its features stay."""
    arguments = ["-m", *command.arguments]
    if "--list" not in arguments:
        arguments += ["--runs", str(runs)]
    if command.needs:
        arguments += ["--data-root", str(data_root)]
    if "weights" in command.needs:
        arguments += ["--weights", str(Path(str(weights)).resolve())]
    environment = {"PYTHONPATH": str(checkout)}
    if command.warm and not side.seconds:
        measure(arguments, environment, checkout)
    if command.study:
        for done in runs.glob(f"{command.study}/*/seed-*/record.json"):
            done.unlink()
    side.seconds.append(measure(arguments, environment, checkout).seconds)
    if command.study:
        records = [record for record in RunFolder(str(runs)).records(command.study) if record.status == "complete"]
        side.training.append(sum(record.seconds for record in records))
        side.f1 = {}
        for record in records:
            if record.arm.endswith(ARMS_OF_F1):
                side.f1.setdefault(record.arm, []).append(record.metric("test/f1/minority"))
