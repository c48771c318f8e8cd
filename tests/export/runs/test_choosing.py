"""What is deployed is the best run of the best arm by validation, not one lucky seed."""

from pathlib import Path

from export.runs.choosing import best_arm, champion
from export.runs.variants import Exported
from export.verification.verify import Verification
from trainables.configuration import Configuration
from trainables.storage.record import Record


def _record(arm: str, seed: int, value: float) -> Record:
    return Record(
        study="s",
        arm=arm,
        key=arm,
        seed=seed,
        status="complete",
        device="cpu",
        seconds=1,
        configuration=Configuration().flat(),
        data_fingerprint="f",
        finished_at="2026-01-01T00:00:00+00:00",
        history={"validation/f1/minority": [value]},
    )


def _measured(f1: float) -> Verification:
    return Verification("any", 0.0, 1, 0.0, (), 2, {"f1/minority": f1}, [], 0.0, 1, 1, 1.0, 1.0)


def test_one_lucky_seed_makes_no_arm() -> None:
    records = [_record("final BN", seed, 0.9) for seed in range(10)]
    records += [_record("none", seed, 1.0 if seed == 4 else 0.5) for seed in range(10)]
    assert best_arm(records) == "final BN"
    lucky = Exported(records[14], {"none": Path("none.onnx")}, {"none": _measured(0.9)})
    files = {"keep": Path("keep.onnx"), "fold": Path("fold.onnx")}
    steady = Exported(records[3], files, dict.fromkeys(files, _measured(0.9)))
    assert champion([lucky, steady], records) == (steady, "fold")
    assert champion([lucky, Exported(records[3], files, dict.fromkeys(files, _measured(0.0)))], records) is None
    undefined = [_record("x", 0, float("nan")), _record("y", 0, 0.1)]
    assert best_arm(undefined) == "y"
