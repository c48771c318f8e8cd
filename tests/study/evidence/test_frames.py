import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from study.evidence import histories, predictions, results
from study.report import main
from study.studies import find
from tests.support.records import make_record, make_records, write_runs
from trainables.common import ConfigurationError
from trainables.configuration import Configuration
from trainables.evaluation import MAJORITY_F1, MINORITY_F1
from trainables.storage import RunFolder

(DIGITS,) = find(["digits"])
PLAIN, FINAL = DIGITS.arm("plain"), DIGITS.arm("final BN")


@pytest.fixture
def runs(tmp_path: Path) -> Path:
    """Two arms with two seeds, a change to one, a failed run, a run of an arm that is declared no more."""
    pair = [
        make_record(arm.name, seed, arm.configuration, study="digits", history={MINORITY_F1: [0.1, 0.2 + seed]})
        for arm in (PLAIN, FINAL)
        for seed in (0, 1)
    ]
    changed = PLAIN.configuration.replace({"learning_rate": 0.5})
    failed = make_record(
        "plain", 2, PLAIN.configuration, study="digits", status="failed", reason="loss is nan", history={}
    )
    gone = make_record("gone", 0, Configuration().replace({"data.minority": "3,5"}), study="digits")
    write_runs(tmp_path, [*pair, make_record("plain", 0, changed, study="digits"), failed, gone])
    return tmp_path


def test_results_has_a_row_per_run_with_fields_and_metrics(runs: Path) -> None:
    frame = results(runs, study="digits").set_index(["arm", "seed", "group"]).sort_index()
    assert len(frame) == 7
    assert frame.loc[("final BN", 1, "as declared"), MINORITY_F1] == 1.2
    assert frame.loc[("final BN", 1, "as declared"), "network.final_norm"] == "batch"
    assert frame.loc[("plain", 0, "optimiser.learning_rate=0.5"), "optimiser.learning_rate"] == 0.5
    failed = frame.loc[("plain", 2, "as declared")]
    assert (failed.status, failed.reason) == ("failed", "loss is nan")
    assert np.isnan(failed[MINORITY_F1])


def test_a_run_of_an_arm_that_is_declared_no_more_is_not_lost(runs: Path) -> None:
    frame = results(runs)
    (row,) = frame[frame.group.isna()].to_dict("records")
    assert (row["arm"], row["data.minority"]) == ("gone", "3,5")


def test_histories_has_a_row_per_epoch(runs: Path) -> None:
    frame = histories(str(runs), ["digits"])
    of_run = frame[(frame.arm == "plain") & (frame.seed == 1) & (frame.group == "as declared")]
    assert of_run.epoch.tolist() == [1, 2]
    assert of_run[MINORITY_F1].tolist() == [0.1, 1.2]


def test_predictions_has_a_row_per_image(tmp_path: Path) -> None:
    scores = np.array([[2.0, 0.0], [0.0, 1.0], [1.0, 0.0]], dtype=np.float32)
    arrays = {"test/scores": scores, "test/labels": np.array([0, 1, 1]), "test/positions": np.array([7, 8, 9])}
    weights = {"weight": np.zeros(1, dtype=np.float32)}
    RunFolder(str(tmp_path)).write(
        make_record("plain", 3, PLAIN.configuration, study="digits"), weights, arrays, {"test": ["a", "b", "c"]}
    )
    frame = predictions(tmp_path)
    assert frame.image.tolist() == ["a", "b", "c"]
    assert frame.label.tolist() == ["others", "8", "8"]
    assert frame.decision.tolist() == ["others", "8", "others"]
    odds = np.exp([-2.0, 1.0, -1.0])
    np.testing.assert_allclose(frame.minority, odds / (1 + odds))
    np.testing.assert_allclose(frame["p/8"] + frame["p/others"], 1)
    assert set(frame.seed) == {3}
    assert len(predictions(tmp_path, split="test-removed")) == 0
    assert len(predictions(tmp_path, arm="final BN")) == 0


def test_several_studies_stand_in_one_frame_and_an_unknown_one_is_refused(tmp_path: Path) -> None:
    (smoke,) = find(["digits-smoke"])
    records = make_records(smoke, metrics=lambda arm, seed: {MAJORITY_F1: 0.5})
    write_runs(tmp_path, [*records, make_record("plain", 0, PLAIN.configuration, study="digits")])
    assert set(results(tmp_path).study) == {"digits", "digits-smoke"}
    assert set(results(tmp_path, "digits").study) == {"digits"}
    with pytest.raises(ConfigurationError, match="did you mean digits"):
        results(tmp_path, "digit")


def test_report_writes_the_same_rows_as_csv_and_parquet(runs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    expected = results(runs)
    assert main(["--format", "csv", "--runs", str(runs)]) == 0
    printed = capsys.readouterr().out
    assert printed.count("\n") == len(expected) + 1
    assert main(["--format", "parquet", "--runs", str(runs)]) == 0
    written = pd.read_parquet(capsys.readouterr().out.strip())
    assert written[MINORITY_F1].tolist() == pytest.approx(expected[MINORITY_F1].tolist(), nan_ok=True)
    assert list(written.columns) == list(expected.columns) == printed.splitlines()[0].split(",")


def test_a_report_without_runs_says_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for kind in ("csv", "parquet"):
        assert main(["digits", "--format", kind, "--runs", str(tmp_path)]) == 1
        assert "no run in" in capsys.readouterr().err


def test_pandas_is_imported_by_who_asks_for_a_frame_only() -> None:
    code = "import sys, study.evidence, study.report, study.grid; sys.exit('pandas' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)
