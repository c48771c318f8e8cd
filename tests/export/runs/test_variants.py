"""Every network of the studies -> four files that compute what PyTorch computes; a wrong one is refused."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import numpy_helper

from export import edge
from export.errors import ATOL, ExportMismatchError
from export.runs import VARIANTS
from export.runs.variants import SURGERY, export_run
from export.surgery import changes
from export.verification.sessions import LEVELS, infer, open_session
from study.commandline import command
from tests.support.networks import trained
from trainables.configuration import Configuration, Trial
from trainables.data.images import Images
from trainables.run import run
from trainables.storage.run_folder import PREDICTIONS, RunFolder
from trainables.training.inputs import Inputs

NETWORKS: dict[str, dict[str, object]] = {
    "dense": {},
    "dense with a first norm": {"network.first_norm": "batch"},
    "cnn": {"network.name": "cnn"},
    "weighted batch norm": {"network.first_norm": "weighted", "network.final_norm": "weighted",
                            "loss.class_weights": "inverse"},
    "sigmoid": {"network.output": "sigmoid", "loss.name": "bce"},
    "standard norm": {"network.final_norm": "standard"},
    "three classes": {"data.minority": "3,5", "data.majority": "8", "data.train_majority": 20,
                      "data.train_minority": 20, "data.validation_majority": 0, "data.validation_minority": 0,
                      "data.test_majority": 50, "data.test_minority": 50},
}  # fmt: skip


@pytest.mark.parametrize("changes", NETWORKS.values(), ids=NETWORKS.keys())
def test_every_variant_computes_what_pytorch_computes(
    changes: dict[str, object], tiny: Configuration, digits: Images, tmp_path: Path
) -> None:
    runs, record = trained(tiny.replace(changes), digits, tmp_path / "runs")
    done = export_run(record, runs, digits, tmp_path / "onnx")
    exact = {"keep", "fold", "remove"}
    if tiny.replace(changes).data.validation_minority:
        exact |= {"fold-recalibrated", "remove-recalibrated"}
    assert set(done.files) == exact | {"fold-fp16", "fold-int8"}
    keep, fold, remove = (done.verifications[variant] for variant in ("keep", "fold", "remove"))
    assert max(done.verifications[variant].difference for variant in exact) <= ATOL
    assert keep.conditions == 1 + len(LEVELS) + 2
    assert keep.changed == fold.changed == ()
    assert fold.nodes == remove.nodes == keep.nodes - 1
    assert np.sum(keep.confusion) == keep.num_images
    assert keep.f1_loss == 0
    assert keep.deployable == (keep.metrics["f1/minority"] > 0)  # a network that never finds the rare class is not
    assert keep.metrics["f1/minority"] == pytest.approx(record.metric("test/f1/minority"), abs=1e-6)
    assert remove.metrics["f1/minority"] == pytest.approx(record.metric("test-removed/f1/minority"), abs=1e-6)
    assert keep.num_images == len(runs.tensors(record, PREDICTIONS)["test/labels"])


def test_the_control_is_the_variant_none(tiny: Configuration, digits: Images, tmp_path: Path) -> None:
    runs, record = trained(tiny.replace({"network.final_norm": "none"}), digits, tmp_path / "runs")
    done = export_run(record, runs, digits, tmp_path / "onnx")
    assert set(done.files) == {"none", "none-recalibrated", "none-fp16", "none-int8"}
    assert set(done.files) < set(VARIANTS)


def test_a_file_takes_raw_images_of_any_batch_and_says_what_it_is(
    tiny: Configuration, digits: Images, tmp_path: Path
) -> None:
    runs, record = trained(tiny, digits, tmp_path / "runs")
    done = export_run(record, runs, digits, tmp_path / "onnx")
    for variant, path in done.files.items():
        session = open_session(path.read_bytes())
        pixels = np.ascontiguousarray(digits.pixels[:7].transpose(0, 2, 3, 1))
        seven = infer(session, pixels)
        one = np.concatenate([infer(session, pixels[i : i + 1]) for i in range(7)])
        np.testing.assert_allclose(seven, one, atol=1e-6)
        np.testing.assert_allclose(seven.sum(axis=1), 1, atol=1e-3 if variant.endswith("fp16") else 1e-6)
        assert (
            json.loads({p.key: p.value for p in onnx.load(path).metadata_props}["test_f1"])["f1/minority"]
            == (done.verifications[variant].metrics["f1/minority"])
        )
        assert path.stat().st_size == done.verifications[variant].num_bytes
        model = onnx.load(path)
        assert [opset.version for opset in model.opset_import if opset.domain == ""] == [18]
        metadata = {entry.key: entry.value for entry in onnx.load(path).metadata_props}
        assert metadata["variant"] == variant
        assert json.loads(metadata["classes"]) == ["others", "8"]
        assert str(tmp_path) not in path.read_bytes().decode("latin-1")


def _fold_wrongly(factor: float) -> Callable[[onnx.ModelProto], onnx.ModelProto]:
    """A fold whose new bias is off by a factor."""

    def fold(model: onnx.ModelProto) -> onnx.ModelProto:
        folded = changes.fold(model)
        (bias,) = [c for c in folded.graph.initializer if c.name.endswith(".folded_bias")]
        bias.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(bias) * np.float32(factor), bias.name))
        return folded

    return fold


def test_a_wrong_fold_is_refused(
    tiny: Configuration, digits: Images, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    runs, record = trained(tiny, digits, tmp_path / "runs")
    monkeypatch.setitem(SURGERY, "fold", _fold_wrongly(1.0))
    export_run(record, runs, digits, tmp_path / "onnx")
    monkeypatch.setitem(SURGERY, "fold", _fold_wrongly(1.01))
    with pytest.raises(ExportMismatchError, match=r"fold\.onnx .*differs from PyTorch by .* 1e-05 is allowed"):
        export_run(record, runs, digits, tmp_path / "onnx")


def test_a_removal_that_is_a_fold_is_refused(
    tiny: Configuration, digits: Images, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    runs, record = trained(tiny, digits, tmp_path / "runs")
    monkeypatch.setitem(SURGERY, "remove", changes.fold)
    with pytest.raises(ExportMismatchError, match=r"remove\.onnx"):
        export_run(record, runs, digits, tmp_path / "onnx")


@pytest.mark.timeout(180)
def test_the_command_fails_on_a_wrong_fold(
    digits: Images, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from study import exporting as export_command
    from study.studies import find

    (study,) = find(["digits-smoke"])
    runs = RunFolder(str(tmp_path))
    for name in (study.pairs[0].treated, study.pairs[0].control):
        trial = Trial(study.name, name, study.arm(name).configuration, (0, 1))
        list(run(trial, Inputs(digits), runs))
    monkeypatch.setitem(SURGERY, "fold", _fold_wrongly(1.01))
    arguments = ["digits-smoke", "--runs", str(tmp_path), "--tracking-uri", f"sqlite:///{tmp_path}/none/x.db"]
    with pytest.raises(SystemExit) as caught:
        command.run_command(export_command.main, arguments)
    assert caught.value.code == 1
    assert "fold.onnx" in capsys.readouterr().err
    monkeypatch.undo()
    with pytest.raises(SystemExit) as caught:
        command.run_command(export_command.main, arguments)
    assert caught.value.code == 0
    assert "H1a, removed at inference" in capsys.readouterr().out
    (verification,) = (tmp_path / "onnx").glob(f"*/{study.arm('final BN').configuration.key}/seed-0/verification.json")
    measured = json.loads(verification.read_text())["variants"]
    assert {"keep", "fold", "remove"} <= set(measured)
    assert all(type(variant["deployable"]) is bool for variant in measured.values())


def test_changed_decisions_are_named_with_their_margins(tiny: Configuration, digits: Images, tmp_path: Path) -> None:
    runs, record = trained(tiny, digits, tmp_path / "runs")
    done = export_run(record, runs, digits, tmp_path / "onnx")
    removed = done.verifications["remove"]
    tensors = runs.tensors(record, PREDICTIONS)
    before, after = (tensors[f"{split}/scores"].argmax(axis=1) for split in ("test", "test-removed"))
    names = [digits.sample_names[i] for i in tensors["test/positions"][before != after]]
    assert names
    assert [changed.image for changed in removed.changed] == names
    assert all(changed.trained != changed.decided and 0 <= changed.margin <= 1 for changed in removed.changed)
    assert removed.confusion[1][1] == int(((after == 1) & (tensors["test/labels"] == 1)).sum())


def test_a_recalibrated_removal_decides_at_the_threshold_that_validation_chooses(
    tiny: Configuration, digits: Images, tmp_path: Path
) -> None:
    from trainables.evaluation.thresholds import choose_threshold

    runs, record = trained(tiny, digits, tmp_path / "runs")
    done = export_run(record, runs, digits, tmp_path / "onnx")
    tensors = runs.tensors(record, PREDICTIONS)

    def lead(split: str) -> np.ndarray:
        scores = tensors[f"{split}-removed/scores"]
        return np.asarray(scores[:, 1] - scores[:, 0])

    threshold = choose_threshold(lead("validation"), tensors["validation/labels"] == 1)
    session = open_session(done.files["remove-recalibrated"].read_bytes())
    pixels = np.ascontiguousarray(digits.pixels[tensors["test/positions"]].transpose(0, 2, 3, 1))
    decided = infer(session, pixels).argmax(axis=1)
    clear = np.abs(lead("test") - threshold) > 1e-4
    np.testing.assert_array_equal(decided[clear], (lead("test") > threshold)[clear])
    assert threshold != 0


def test_a_file_with_a_target_decides_at_its_threshold_and_says_so(
    tiny: Configuration, digits: Images, tmp_path: Path
) -> None:
    from trainables.evaluation import Target, points_of_run

    target = Target("recall", 0.9, prevalence=0.01)
    changes = {"data.validation_minority": 40, "data.validation_majority": 60, "data.test_minority": 100}
    runs, record = trained(tiny.replace(changes), digits, tmp_path / "runs")
    exported = export_run(record, runs, digits, tmp_path / "onnx", reduced=False, target=target)
    assert {"fold-target", "remove-target"} < set(exported.files)
    points = points_of_run(record, runs, target)
    assert points is not None
    chosen, tested = points
    confusion = np.array(exported.verifications["fold-target"].confusion)
    assert (confusion[1, 1], confusion[0, 1]) == (tested.found, tested.alarms)
    assert exported.verifications["fold-target"].f1_loss == 0  # it is what PyTorch decides at this threshold
    said = {entry.key: entry.value for entry in onnx.load(exported.files["fold-target"]).metadata_props}
    assert said["target"] == "recall=0.9, prevalence 0.01"
    assert float(said["threshold"]) == pytest.approx(chosen.probability, rel=1e-4)
    content = json.loads(said["operating_point"])
    assert content["validation"]["found"] + content["validation"]["missed"] == 40
    assert content["test"]["recall"]["value"] == pytest.approx(tested.recall.value)
    assert content["test"]["precision"]["low"] <= tested.precision.value <= content["test"]["precision"]["high"]
    assert edge.Classifier(exported.files["fold-target"]).target == said["target"]
    assert edge.Classifier(exported.files["fold"]).target == ""


def test_a_target_that_no_threshold_reaches_leaves_the_other_files(
    tiny: Configuration, digits: Images, tmp_path: Path
) -> None:
    from trainables.evaluation import Target

    target = Target("precision", 1.0, prevalence=1e-6)
    runs, record = trained(tiny.replace({"schedule.epochs": 1}), digits, tmp_path / "runs")
    exported = export_run(record, runs, digits, tmp_path / "onnx", reduced=False, target=target)
    assert {"keep", "fold", "fold-recalibrated"} <= set(exported.files)
