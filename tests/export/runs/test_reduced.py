"""fp16 and int8: candidates in order, judged on validation; the first good one is written, else what loses least."""

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import onnx
import pytest

from export.conversion import Candidate, int8_candidates
from export.runs import export_run, reduced
from export.surgery import shift_scores
from tests.support.networks import trained
from trainables.configuration import Configuration
from trainables.data import Images


def _metadata(path: Path) -> dict[str, str]:
    return {entry.key: entry.value for entry in onnx.load(path).metadata_props}


def _spoilt(model: onnx.ModelProto) -> onnx.ModelProto:
    return shift_scores(model, np.array([9.0, 0.0]))  # decides for the majority always


def test_reduced_files_are_smaller_and_judged(tiny: Configuration, digits: Images, tmp_path: Path) -> None:
    runs, record = trained(tiny.replace({"schedule.epochs": 20}), digits, tmp_path / "runs")
    done = export_run(record, runs, digits, tmp_path / "onnx")
    sizes = {variant: path.stat().st_size for variant, path in done.files.items()}
    assert sizes["fold-int8"] < sizes["fold-fp16"] < sizes["fold"]
    for variant in ("fold-fp16", "fold-int8"):
        assert done.verifications[variant].deployable
        assert done.verifications[variant].levels_differ == 0
        metadata = _metadata(done.files[variant])
        assert metadata["reduced"] == "all layers"
        assert metadata["key"] == record.key
        assert [judged["name"] for judged in json.loads(metadata["reduced_candidates"])] == ["all layers"]
    operators = {node.op_type for node in onnx.load(done.files["fold-int8"]).graph.node}
    assert {"QuantizeLinear", "DequantizeLinear"} <= operators


def test_where_no_candidate_is_good_the_file_is_not_for_deployment(
    tiny: Configuration, digits: Images, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    runs, record = trained(tiny.replace({"schedule.epochs": 20}), digits, tmp_path / "runs")

    def only_bad(model: onnx.ModelProto, images: np.ndarray) -> Iterator[Candidate]:
        yield Candidate("spoilt", _spoilt(model))

    monkeypatch.setitem(reduced.CANDIDATES, "int8", only_bad)
    done = export_run(record, runs, digits, tmp_path / "onnx")
    assert not done.verifications["fold-int8"].deployable
    assert done.verifications["fold-int8"].f1_loss > 0.1
    (judged,) = json.loads(_metadata(done.files["fold-int8"])["reduced_candidates"])
    assert judged["f1_loss"] > 0.1


@pytest.mark.parametrize(
    "good",
    ["all layers, unsigned weights", "all layers but the last", "all layers, 16-bit activations",
     "all layers but the 1 most sensitive"],
)  # fmt: skip
def test_the_first_good_candidate_is_written(
    good: str, tiny: Configuration, digits: Images, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    runs, record = trained(tiny.replace({"schedule.epochs": 20}), digits, tmp_path / "runs")

    def bad_before(model: onnx.ModelProto, images: np.ndarray) -> Iterator[Candidate]:
        is_good = False
        for candidate in int8_candidates(model, images):
            is_good = is_good or candidate.name == good
            yield candidate if is_good else Candidate(candidate.name, _spoilt(model))

    monkeypatch.setitem(reduced.CANDIDATES, "int8", bad_before)
    done = export_run(record, runs, digits, tmp_path / "onnx")
    metadata = _metadata(done.files["fold-int8"])
    assert metadata["reduced"] == good
    *before, last = json.loads(metadata["reduced_candidates"])
    assert before
    assert all(judged["f1_loss"] > 0.01 for judged in before)
    assert last["name"] == good
    assert last["levels_differ"] == 0
    assert done.verifications["fold-int8"].f1_loss < 0.1


def test_a_candidate_that_levels_decide_differently_is_not_good() -> None:
    assert reduced.Judged("all layers", 0.0, 0.0).is_good
    assert not reduced.Judged("all layers", 0.0, 0.01).is_good
    assert not reduced.Judged("all layers", 0.02, 0.0).is_good
