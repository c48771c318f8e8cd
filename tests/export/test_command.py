"""`python -m export STUDY` where some of it goes wrong: the rest goes on, and nothing is half written."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from study import exporting as export_command
from study.studies import find
from trainables.common import ConfigurationError
from trainables.configuration import Trial
from trainables.data import datasets
from trainables.data.images import Images
from trainables.run import run
from trainables.storage.run_folder import RunFolder
from trainables.training.inputs import Inputs


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory, digits: Images) -> Path:
    place, (study,) = tmp_path_factory.mktemp("runs"), find(["digits-smoke"])
    for name in ("plain", "final BN", "final BN + weighted loss"):
        list(run(Trial(study.name, name, study.arm(name).configuration, (0, 1)), Inputs(digits), RunFolder(str(place))))
    return place


def _export(runs: Path, *arguments: str) -> int:
    nowhere = f"sqlite:///{runs}/none/x.db"
    return export_command.main(["digits-smoke", "--runs", str(runs), "--tracking-uri", nowhere, *arguments])


def test_every_arm_is_exported_where_asked(runs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert _export(runs, "--all", "--best", "--output", str(tmp_path)) == 0
    assert len(list(tmp_path.glob("*/seed-*/verification.json"))) == 3
    assert "final BN + weighted loss" in capsys.readouterr().out
    with pytest.raises(Exception, match="not with --best or --all"):
        _export(runs, "--all", "--require-h1")


def test_arms_with_images_of_different_sizes_are_exported_together(
    digits: Images, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As after a search that varies the size of the images."""
    (study,) = find(["digits-smoke"])
    plain = study.arm("plain")
    larger = replace(plain, configuration=plain.configuration.replace({"data.image_size": 12}))
    study = replace(study, arms=(study.arm("final BN"), larger), pairs=study.pairs[:1], claims=())
    folder, inputs = RunFolder(str(tmp_path)), Inputs(digits)
    list(run(Trial(study.name, "final BN", study.arm("final BN").configuration, (0,)), inputs, folder))
    images = datasets.load_images("digits", tmp_path, 12)
    list(run(Trial(study.name, "plain", larger.configuration, (0,)), Inputs(images), folder))
    monkeypatch.setattr("study.studies.find", lambda names: [study])
    assert _export(tmp_path) == 0
    files = [json.loads(path.read_text()) for path in tmp_path.glob("onnx/*/*/*/verification.json")]
    assert len(files) == 2


def test_a_damaged_run_is_named_and_the_others_are_exported(
    runs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copytree(runs, tmp_path / "runs")
    key = find(["digits-smoke"])[0].arm("final BN").configuration.key
    weights = tmp_path / "runs" / "digits-smoke" / key / "seed-1" / "weights.safetensors"
    before = tmp_path / "runs" / "onnx" / "digits-smoke" / key / "seed-1"
    before.mkdir(parents=True)
    (before / "fold.onnx").write_text("of an earlier export")
    weights.write_bytes(weights.read_bytes()[:-10])
    assert _export(tmp_path / "runs") == 1
    said = capsys.readouterr()
    assert "error: final BN, seed 1: " in said.err
    assert "missing or damaged" in said.err
    assert "H1a, removed at inference it keeps half of the gain in mean F1; through onnxruntime" in said.out
    assert "H1b, and the majority's F1 loses at most 0.05 by that" in said.out
    found = sorted(
        p.parent.parent.name + p.parent.name for p in (tmp_path / "runs").glob("onnx/*/*/*/verification.json")
    )
    assert len(found) == 3
    assert (before / "fold.onnx").read_text() == "of an earlier export"
    assert not list((tmp_path / "runs" / "onnx").rglob("*.part"))


def test_a_damaged_best_run_leaves_nothing_to_deploy(
    runs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copytree(runs, tmp_path / "runs")
    for path in (tmp_path / "runs" / "digits-smoke").glob("*/*/weights.safetensors"):
        if "final BN" in (path.parent / "record.json").read_text():
            path.write_bytes(b"")
    assert _export(tmp_path / "runs") == 1
    assert "nothing to deploy: of the best arm by validation, final BN, nothing was exported" in (
        capsys.readouterr().err
    )


def test_only_the_runs_of_a_tools_defaults_are_exported_where_asked(runs: Path, tmp_path: Path) -> None:
    assert _export(runs, "--defaults", "declared", "--best", "--output", str(tmp_path)) == 0
    assert len(list(tmp_path.glob("*/seed-*/verification.json"))) == 2
    with pytest.raises(ConfigurationError, match=r"with keras defaults in .*; this makes them: .* -m study.grid"):
        _export(runs, "--defaults", "keras")


def test_h1_is_not_had_from_two_seeds(runs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert _export(runs, "--require-h1", "--output", str(tmp_path)) == 1
    assert "too few seeds, 2 seeds; at least 6 are needed" in capsys.readouterr().out


def test_a_target_gets_files_and_a_table_of_what_it_achieves(
    runs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert _export(runs, "--best", "--output", str(tmp_path), "--target", "recall=0.9") == 0
    assert list(tmp_path.glob("*/seed-*/fold-target.onnx"))
    said = " ".join(capsys.readouterr().out.split())
    assert "recall=0.9: threshold of validation, on test images" in said
    assert "chosen on 7 rare and 150 frequent validation images of each seed" in said
    assert "52% at least: too few rare images for 95 %" in said  # 1 - 0.9^7
