"""What a user can get wrong on the command line: one line on stderr that says what was got and allowed, exit 2."""

import subprocess
import sys
import time
from pathlib import Path

import pytest

from study import grid
from study.commandline import command


def _run(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as caught:
        command.run_command(grid.main, arguments)
    out, err = capsys.readouterr()
    return int(caught.value.code or 0), out, err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["tabel7"], "unknown study 'tabel7' (did you mean table7?); allowed: digits, factorial, table1"),
        (["--data", "minst"], "data.source: got 'minst'; allowed: digits, mnist, plantvillage:PLANT"),
        (["--network", "resnet999"], "unknown network 'resnet999'; allowed: dense, cnn and torchvision's alexnet"),
        (["--set", "optimiser.learning_rate=-1"], "optimiser.learning_rate: got '-1': Input should be greater than 0"),
        (["--set", "optimizer.lr=1"], "unknown field 'optimizer.lr'"),
        (["--set", "final_norm=batch"], "are the same; to choose among arms use --where"),
        (["--where", "final_norm=weird"], "no arm with network.final_norm=weird; there are: batch, none"),
        (["--cut", "layer3"], "network.weights, cut and trainable belong to image backbones; got dense"),
        (["table6", "--cut", "layer9"], "network.cut: resnet34 has no layer 'layer9'; allowed: conv1, bn1"),
        (["table4", "--weights", "/nowhere.pt"], "weights /nowhere.pt: not a readable state dict"),
        (["table4", "--weights", "none"], "network.trainable=head needs network.weights"),
        (["--ratio", "2"], "--ratio: got 2"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_one_clear_line(capsys: pytest.CaptureFixture[str], arguments: list[str], message: str) -> None:
    code, _, err = _run(capsys, *arguments)
    assert code == 2
    assert message in err
    assert err.count("\n") == 1
    assert "Traceback" not in err


@pytest.mark.parametrize("arguments", [["--sedes", "3"], ["--seeds", "0"], ["--set", "x"], ["--gpus-per-trial", "-1"]])
def test_wrong_usage(capsys: pytest.CaptureFixture[str], arguments: list[str]) -> None:
    code, _, err = _run(capsys, *arguments)
    assert code == 2
    assert arguments[0] in err


def test_list_names_every_study(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = _run(capsys, "--list")
    assert code == 0
    assert all(name in out for name in ("digits", "table5", "table7"))


def test_dry_run_prints_the_trials_and_runs_nothing(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    code, out, _ = _run(capsys, "--dry-run", "--where", "class_weights=none", "--seeds", "3", "--runs", str(tmp_path))
    assert code == 0
    assert "48 runs to do in 16 trials, 0 done" in out
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("module", ["study.grid", "study.report", "export"])
def test_help_is_there_within_a_second_and_has_an_example(module: str) -> None:
    started = time.monotonic()
    done = subprocess.run([sys.executable, "-m", module, "--help"], capture_output=True, text=True, check=True)
    assert "example: python -m" in done.stdout
    imported = subprocess.run(
        [sys.executable, "-c", f"import sys, runpy; sys.argv = ['x', '--help']\n"
         f"try: runpy.run_module({module!r}, run_name='__main__')\n"
         "except SystemExit: print(sorted({'torch', 'ray', 'mlflow', 'numpy', 'rich'} & set(sys.modules)))"],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert imported.stdout.strip().endswith("[]"), "nothing heavy at import time"
    assert time.monotonic() - started < 30  # a hang guard; what keeps it fast is the line above
