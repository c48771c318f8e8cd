"""The file to deploy is the answer's, its name says what it is, and its card says what the answer says."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from export.edge import Classifier
from export.runs import Exported, export_run
from export.verification import Verification
from study.answers import RECALIBRATED, Answer
from study.deploying import Selection, choose_deployed, name_of, write_deployed
from study.evidence import Group
from study.reporting import achieved_targets
from trainables.data.images import Images
from trainables.evaluation import Target
from trainables.storage.run_folder import RunFolder


def test_a_name_says_photos_arm_and_variant() -> None:
    names = {
        name_of("b in C 175", "none, rate 0.001", "none", None): "b-in-c-175_no-remedy-rate-0.001_as-trained",
        name_of("a 9", "final BN", "fold", None): "a-9_final-bn_folded",
        name_of("a 9", "final BN", "keep", None): "a-9_final-bn_keep",
        name_of("a 9", "final BN", "fold-recalibrated", None): "a-9_final-bn_folded-recalibrated",
        name_of("a 9", "weighted loss", "none-recalibrated", None): "a-9_weighted-loss_recalibrated",
        name_of("a 9", "weighted loss", "none-target", Target("recall", 0.95)): "a-9_weighted-loss_recall-0.95",
        name_of("../x 9", "a/b", "fold", None): "x-9_a-b_folded",
    }  # fmt: skip
    assert list(names) == list(names.values())


def _measured() -> Verification:
    return Verification("any", 0.0, 1, 0.0, (), 2, {"f1/minority": 0.5}, [], 0.0, 1, 1, 1.0, 1.0)


def test_the_answer_chooses_arm_and_threshold(
    runs: tuple[RunFolder, Group, Answer], capsys: pytest.CaptureFixture[str]
) -> None:
    _, group, answer = runs
    exported = []
    for arm, whole in (("plain", "none"), ("final BN", "fold")):
        files = [whole, f"{whole}-recalibrated", f"{whole}-target"]
        measured = dict.fromkeys(files, _measured())
        exported.append(Exported(group.records[arm][0], {name: Path(name) for name in files}, measured))
    records = [record for arm in ("plain", "final BN") for record in group.records[arm].values()]

    def chosen(arm: str, way: str, target: Target | None = None) -> tuple[str, str] | None:
        of_answer = replace(answer, chosen=replace(answer.chosen, arm=arm, way=way))
        deployed = choose_deployed(exported, records, of_answer, target)
        return None if deployed is None else (deployed[0].record.arm, deployed[1])

    assert chosen("plain", "as trained") == ("plain", "none")
    assert chosen("plain", RECALIBRATED) == ("plain", "none-recalibrated")
    assert chosen("final BN", RECALIBRATED) == ("final BN", "fold-recalibrated")
    assert chosen("final BN", RECALIBRATED, Target("recall", 0.9)) == ("final BN", "fold-target")
    assert chosen("another", RECALIBRATED) is None
    assert "another, nothing was exported" in capsys.readouterr().err
    exported[0].files.pop("none-target")
    exported[0].verifications.pop("none-target")
    assert chosen("plain", RECALIBRATED, Target("precision", 0.9)) is None
    assert "plain, seed 0 has no file that decides at precision=0.9" in capsys.readouterr().err


def test_of_the_chosen_arm_the_seed_is_exported_that_decides_best_as_the_answer_says(
    runs: tuple[RunFolder, Group, Answer],
) -> None:
    _, group, answer = runs
    selection = Selection(group, ("plain",), replace(answer, chosen=replace(answer.chosen, arm="plain"), best_seed=1))
    assert [record.seed for record in selection.best_records] == [1]


def test_the_card_says_what_the_answer_says_and_lies_beside_the_file(
    runs: tuple[RunFolder, Group, Answer], digits: Images, tmp_path: Path
) -> None:
    folder, group, answer = runs
    arm = answer.chosen.arm
    target = Target("recall", 0.9)
    exported = export_run(group.records[arm][0], folder, digits, tmp_path / "onnx", reduced=False, target=target)
    whole = "fold" if "fold" in exported.files else "none"

    def write(variant: str, target: Target | None) -> tuple[Path, dict[str, object], str]:
        achieved = achieved_targets(group, [arm], target, folder) if target else []
        deployed = (exported, variant)
        file, written = write_deployed(tmp_path / "deploy", "eights", group, answer, deployed, digits, target, achieved)
        assert written.in_short.startswith(f"{arm}, {variant}")
        card = file.with_name(f"{file.stem}.json")
        return file, json.loads(card.read_text()), file.with_name(f"{file.stem}.md").read_text()

    file, card, text = write(f"{whole}-recalibrated", None)
    assert file.read_bytes() == exported.files[f"{whole}-recalibrated"].read_bytes()
    assert Classifier(file).classes == ["others", "8"]
    assert card["arm"] == arm
    assert card["f1"]["mean"] == pytest.approx(answer.f1.mean)  # type: ignore[index]
    assert card["recall"]["low"] == pytest.approx(answer.recall.low)  # type: ignore[index]
    assert card["photos"]["8"] == {"train": 10, "validation": 7, "test": 150}  # type: ignore[index]
    assert f"{answer.f1.mean:.3f} [{answer.f1.low:.2f}, {answer.f1.high:.2f}]" in text
    own = card["own"]["f1"]  # type: ignore[index]
    assert 0 <= own["low"] <= own["mean"] <= own["high"] <= 1
    assert str(tmp_path) not in text
    assert "| 8 | 10 | 7 | 150 |" in text

    at_target, card, text = write(f"{whole}-target", target)
    key = exported.record.key[:6]
    assert at_target.stem.endswith(f"_folded-recall-0.9_{key}" if whole == "fold" else f"_recall-0.9_{key}")
    assert card["target"] == "recall=0.9"
    assert "recall=0.9: met on test photos by" in text
    assert file.exists()  # what was written before stays
    assert not list((tmp_path / "deploy").glob(".*"))
