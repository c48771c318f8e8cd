"""What only Ray's prepare stage can find out is refused in one line too; in this process, with one Ray for all."""

from pathlib import Path

import pytest

from study import grid
from study.commandline import command

CASES = {
    "counts": (["--set", "data.train_minority=100"], "100 train images asked (random split), 174 there"),
    "data": (["table7", "--data-root", "NOWHERE"], "MNIST: not in NOWHERE/MNIST/raw and the download failed"),
    "class": (["--minority", "eight"], "unknown class 'eight'"),
    "resources": (["--cpus-per-trial", "4096"], "a trial asks 4096 CPU and 0 GPU; the largest node has"),
}


@pytest.mark.usefixtures("ray_local")
@pytest.mark.timeout(180)
@pytest.mark.parametrize(("arguments", "message"), CASES.values(), ids=CASES.keys())
def test_what_cannot_be_run_is_one_line(
    tmp_path: Path, arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    nowhere = str(tmp_path / "nowhere")
    with pytest.raises(SystemExit) as caught:
        command.run_command(
            grid.main, [*(a.replace("NOWHERE", nowhere) for a in arguments), "--runs", str(tmp_path / "runs")]
        )
    assert caught.value.code == 2
    said = capsys.readouterr().err
    assert message.replace("NOWHERE", nowhere) in said
    assert said.count("\n") == 1
