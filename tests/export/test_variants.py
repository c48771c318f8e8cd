"""Every network of the studies -> four files that compute what PyTorch computes; a wrong one is refused."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import numpy_helper

from export import surgery
from export.variants import SURGERY, VARIANTS, export_run
from export.verify import ATOL, ExportMismatchError, infer, open_session
from study import command
from trainables.configuration import Configuration
from trainables.images import Images, Inputs
from trainables.records import PREDICTIONS, Record, RunFolder
from trainables.run import Trial, run

NETWORKS: dict[str, dict[str, object]] = {
    "dense": {},
    "dense with a first norm": {"network.first_norm": "batch"},
    "cnn": {"network.name": "cnn"},
    "weighted batch norm": {"network.first_norm": "weighted", "network.final_norm": "weighted",
                            "loss.class_weights": "inverse"},
    "sigmoid": {"network.output": "sigmoid", "loss.name": "bce"},
    "three classes": {"data.minority": "3,5", "data.majority": "8", "data.train_majority": 20,
                      "data.train_minority": 20, "data.validation_majority": 0, "data.validation_minority": 0,
                      "data.test_majority": 50, "data.test_minority": 50},
}  # fmt: skip


def _trained(configuration: Configuration, images: Images, folder: Path) -> tuple[RunFolder, Record]:
    runs = RunFolder(str(folder))
    *_, last = run(Trial("study", "arm", configuration, (0,)), Inputs(images), runs)
    (record,) = last.records
    assert record.status == "complete", record.reason
    return runs, record


@pytest.mark.parametrize("changes", NETWORKS.values(), ids=NETWORKS.keys())
def test_every_variant_computes_what_pytorch_computes(
    changes: dict[str, object], tiny: Configuration, digits: Images, tmp_path: Path
) -> None:
    runs, record = _trained(tiny.replace(changes), digits, tmp_path / "runs")
    done = export_run(record, runs, digits, tmp_path / "onnx")
    assert set(done.files) == {"keep", "fold", "remove"}
    keep, fold, remove = (done.verifications[variant] for variant in ("keep", "fold", "remove"))
    assert max(keep.difference, fold.difference, remove.difference) <= ATOL
    assert keep.decisions_changed == fold.decisions_changed == 0
    assert fold.nodes == remove.nodes == keep.nodes - 1
    assert keep.metrics["f1/minority"] == pytest.approx(record.metric("test/f1/minority"), abs=1e-6)
    assert remove.metrics["f1/minority"] == pytest.approx(record.metric("test-removed/f1/minority"), abs=1e-6)
    assert keep.num_images == len(runs.tensors(record, PREDICTIONS)["test/labels"])


def test_the_control_is_the_variant_none(tiny: Configuration, digits: Images, tmp_path: Path) -> None:
    runs, record = _trained(tiny.replace({"network.final_norm": "none"}), digits, tmp_path / "runs")
    done = export_run(record, runs, digits, tmp_path / "onnx")
    assert set(done.files) == {"none"}
    assert set(done.files) < set(VARIANTS)


def test_a_file_takes_raw_images_of_any_batch_and_says_what_it_is(
    tiny: Configuration, digits: Images, tmp_path: Path
) -> None:
    runs, record = _trained(tiny, digits, tmp_path / "runs")
    done = export_run(record, runs, digits, tmp_path / "onnx")
    for variant, path in done.files.items():
        session = open_session(path.read_bytes())
        pixels = np.ascontiguousarray(digits.pixels[:7].transpose(0, 2, 3, 1))
        seven = infer(session, pixels)
        one = np.concatenate([infer(session, pixels[i : i + 1]) for i in range(7)])
        np.testing.assert_allclose(seven, one, atol=1e-6)
        np.testing.assert_allclose(seven.sum(axis=1), 1, atol=1e-6)
        metadata = {entry.key: entry.value for entry in onnx.load(path).metadata_props}
        assert metadata["variant"] == variant
        assert json.loads(metadata["classes"]) == ["others", "8"]
        assert str(tmp_path) not in path.read_bytes().decode("latin-1")


def _fold_wrongly(factor: float) -> Callable[[onnx.ModelProto], onnx.ModelProto]:
    """A fold whose new bias is off by a factor."""

    def fold(model: onnx.ModelProto) -> onnx.ModelProto:
        folded = surgery.fold(model)
        (bias,) = [c for c in folded.graph.initializer if c.name.endswith(".folded_bias")]
        bias.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(bias) * np.float32(factor), bias.name))
        return folded

    return fold


def test_a_wrong_fold_is_refused(tiny: Configuration, digits: Images, tmp_path: Path) -> None:
    runs, record = _trained(tiny, digits, tmp_path / "runs")
    export_run(record, runs, digits, tmp_path / "onnx", {**SURGERY, "fold": _fold_wrongly(1.0)})
    with pytest.raises(ExportMismatchError, match=r"fold\.onnx .*differs from PyTorch by .* 1e-05 is allowed"):
        export_run(record, runs, digits, tmp_path / "onnx", {**SURGERY, "fold": _fold_wrongly(1.01)})


def test_a_removal_that_is_a_fold_is_refused(tiny: Configuration, digits: Images, tmp_path: Path) -> None:
    runs, record = _trained(tiny, digits, tmp_path / "runs")
    with pytest.raises(ExportMismatchError, match=r"remove\.onnx"):
        export_run(record, runs, digits, tmp_path / "onnx", {**SURGERY, "remove": surgery.fold})


def test_the_command_fails_on_a_wrong_fold(
    digits: Images, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from export import __main__ as export_command
    from export import variants
    from study.studies import find

    (study,) = find(["digits-smoke"])
    runs = RunFolder(str(tmp_path))
    for name in (study.pairs[0].treated, study.pairs[0].control):
        trial = Trial(study.name, name, study.arm(name).configuration, (0, 1))
        list(run(trial, Inputs(digits), runs))
    monkeypatch.setattr(variants, "SURGERY", {**SURGERY, "fold": _fold_wrongly(1.01)})
    arguments = ["digits-smoke", "--runs", str(tmp_path), "--tracking-uri", f"sqlite:///{tmp_path}/none/x.db"]
    with pytest.raises(SystemExit) as caught:
        command.run(export_command.main, arguments)
    assert caught.value.code == 1
    assert "fold.onnx" in capsys.readouterr().err
    monkeypatch.undo()
    with pytest.raises(SystemExit) as caught:
        command.run(export_command.main, arguments)
    assert caught.value.code == 0
    assert "H1 (removed - none)" in capsys.readouterr().out
    (verification,) = (tmp_path / "onnx").glob(f"*/{study.arm('final BN').configuration.key}/seed-0/verification.json")
    assert set(json.loads(verification.read_text())["variants"]) == {"keep", "fold", "remove"}
