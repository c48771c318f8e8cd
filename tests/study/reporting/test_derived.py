"""What reports work out of stored scores and weights: against scikit-learn, and only where it means something."""

from pathlib import Path

import numpy as np
from sklearn.metrics import f1_score

from study.evidence import Group, group_records
from study.reporting.derived import BETA, with_derived
from study.reporting.tables import calibration_table
from study.studies import Arm, Study
from tests.support.records import make_predictions, make_record
from trainables.configuration import Configuration
from trainables.evaluation import ADJUSTED_MAJORITY_F1, ADJUSTED_MINORITY_F1, NATURAL, metric_key
from trainables.storage import Record, RunFolder

PLAIN = Configuration()
FINAL = PLAIN.replace({"network.final_norm": "batch"})
LEARNED = {"final_norm.bias": np.array([0.25, -0.5], np.float32)}


def _group(folder: RunFolder, name: str = "s", *arms: Arm) -> Group:
    arms = arms or (Arm("none", PLAIN), Arm("final", FINAL))
    records: list[Record] = []
    for arm in arms:
        record = make_record(arm.name, 0, arm.configuration, {"test/f1/minority": 0.5}, study=name)
        records.append(folder.write(record, LEARNED, make_predictions()))
    (group,) = group_records(Study(name, "", "", arms, (), ()), records)
    return group


def test_a_plain_network_is_measured_with_the_scores_of_a_balanced_test(tmp_path: Path) -> None:
    folder = RunFolder(str(tmp_path))
    group = with_derived(_group(folder), folder)
    arrays = make_predictions()
    # 1000 to 10 in training, 20 to 20 in the test: the rare class's scores rise by log 100
    decided = (arrays["test/scores"] + [0, np.log(100)]).argmax(axis=1)
    expected = [f1_score(arrays["test/labels"], decided, pos_label=label) for label in (0, 1)]
    adjusted = [group.values("none", name)[0] for name in (ADJUSTED_MAJORITY_F1, ADJUSTED_MINORITY_F1)]
    np.testing.assert_allclose(adjusted, expected)
    assert group.values("none", "test/f1/minority") == {0: 0.5}
    assert group.interval("final", ADJUSTED_MINORITY_F1).n == 0


def test_calibration_is_also_said_for_images_as_imbalanced_as_the_training(tmp_path: Path) -> None:
    folder = RunFolder(str(tmp_path))
    group = with_derived(_group(folder), folder)
    scores, labels = (make_predictions()[f"test/{name}"] for name in ("scores", "labels"))
    p = np.exp(scores) / np.exp(scores).sum(axis=1, keepdims=True)
    distances = ((p - np.eye(2)[labels]) ** 2).sum(axis=1)
    expected = np.average(distances, weights=np.where(labels == 1, 10, 1000))
    for arm in ("none", "final"):
        np.testing.assert_allclose(group.values(arm, metric_key(NATURAL, "brier"))[0], expected, rtol=1e-6)
    table = calibration_table(group)
    assert table is not None
    assert [str(column.header) for column in table.columns][1:4] == [
        "Brier on the test images",
        "Brier as rare as in training",
        "Brier prior adjusted",
    ]
    assert calibration_table(_group(RunFolder(str(tmp_path / "other")))) is None  # nothing was worked out


def test_nothing_is_adjusted_where_the_training_is_balanced_or_its_counts_are_not_numbers(tmp_path: Path) -> None:
    balanced = Arm("balanced", PLAIN.replace({"data.train_minority": 1000}))
    everything = Arm("everything", PLAIN.replace({"data.train_minority": "all"}))
    folder = RunFolder(str(tmp_path))
    group = with_derived(_group(folder, "s", balanced, everything), folder)
    assert not any(group.interval(arm, ADJUSTED_MINORITY_F1).n for arm in group.records)


def test_a_damaged_file_leaves_its_run_as_it_is(tmp_path: Path) -> None:
    folder = RunFolder(str(tmp_path))
    group = _group(folder)
    for path in tmp_path.rglob("predictions.safetensors"):
        path.write_bytes(path.read_bytes()[:-9] + b"elsewhere")
    record = group.first_record("none")
    record = record.model_copy(update={"files": {**record.files, "predictions.safetensors": "0" * 64}})
    group.records["none"][0] = record
    assert with_derived(group, folder).first_record("none") == record


def test_the_learned_shift_is_read_where_a_figure_shows_it(tmp_path: Path) -> None:
    folder = RunFolder(str(tmp_path))
    group = with_derived(_group(folder, "mechanism"), folder)
    assert group.values("final", f"{BETA}/8") == {0: -0.5}
    assert group.values("final", f"{BETA}/others") == {0: 0.25}
    assert group.interval("none", f"{BETA}/8").n == 0
    assert with_derived(_group(folder), folder).interval("final", f"{BETA}/8").n == 0
