"""A search as a user runs it: killed, continued, exported; asked wrongly."""

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.commands import run_here
from tests.support.faults import ROOT, until

pytestmark = [pytest.mark.usefixtures("ray_local"), pytest.mark.timeout(300)]


def test_a_search_that_was_killed_goes_on(tmp_path: Path) -> None:
    """Two arms, six trials each: killed after the first ones, continued by the same command; nothing twice or lost."""
    import optuna

    from study.tuning.trial_storage import LOST, open_storage

    command = ("study.search", "digits", "--smoke", "--trials", "6", "--arm", "none", "--arm", "final BN")
    killed = subprocess.Popen([sys.executable, "-m", *command, "--runs", str(tmp_path)], cwd=ROOT,
                              stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)  # fmt: skip

    def trials() -> list[optuna.trial.FrozenTrial]:
        if not (tmp_path / "search" / "journal.log").exists():
            return []
        storage = open_storage(None, str(tmp_path))
        names = optuna.get_all_study_names(storage)
        return [t for name in names for t in optuna.load_study(study_name=name, storage=storage).trials]

    until(lambda: any(trial.state.is_finished() for trial in trials()))
    killed.send_signal(signal.SIGKILL)
    killed.wait()
    assert 0 < sum(trial.state.is_finished() for trial in trials()) < 12, "the kill came too late to show anything"
    done = run_here(*command, runs=tmp_path)
    assert done.returncode == 0, done.stderr
    counted = [trial for trial in trials() if LOST not in trial.user_attrs]
    assert len(counted) == 12
    assert all(trial.state.is_finished() for trial in counted)
    assert "the best setting of every arm" in done.stdout
    fewer = run_here(*command, "--trials", "4", "--seeds", "1", runs=tmp_path)
    assert fewer.returncode == 0, fewer.stderr
    assert "12 trials done, 0 to do" in fewer.stdout
    assert "the best setting of every arm, 1 fresh seed each" in fewer.stdout
    exported = run_here("export", "digits-smoke-tuned", runs=tmp_path)
    assert exported.returncode == 0, exported.stderr
    refused = run_here(*command, "--space", "learning_rate=0.001..0.01", runs=tmp_path)
    assert refused.returncode == 2
    assert "was begun with another space: optimiser.learning_rate" in refused.stderr


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("--arm", "magic"), "unknown arm 'magic'; allowed: none, weighted loss"),
        (("--objective", "speed"), "unknown objective 'speed'; allowed: minority_f1, latency"),
        (("--trials", "0"), "got '0'; a whole number of at least 1"),
        (("--storage", "nonsense"), "--storage: "),
        (("--space", "dropout=0.5..0.1"), "an empty range"),
        (("--set", "batch_size=16"), "schedule.batch_size: a search varies it; --space schedule.batch_size=A,B"),
        (("--set", "focal_gamma=2"), "loss.focal_gamma: it tells the arms of a search apart"),
        (("--space", "final_norm=batch,none"), "network.final_norm: it tells arms apart"),
        (("--tuning-seeds", "4"), "--tuning-seeds: got 4; allowed: 5 or more"),
    ],
)
def test_a_search_asked_wrongly(arguments: tuple[str, ...], says: str, tmp_path: Path) -> None:
    done = run_here("study.search", "digits", *arguments, runs=tmp_path)
    assert done.returncode == 2
    assert says in done.stderr
    assert "Traceback" not in done.stderr
