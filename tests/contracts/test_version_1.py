"""What version 1.0.0 recorded is read by this version: nothing to do, the same tables, decisions, and trials.

`version_1_0_0/` is a part of a run folder that 1.0.0 made, with a hidden layer of 4 units so that it is small:

    study.grid digits --smoke --where augmentation.transform=none --where mixup_alpha=0 --where weight_decay=0
        --set network.hidden=4
    export digits-smoke
    study.search digits --smoke --trials 3 --seeds 2 --arm none --arm "final BN" --set network.hidden=4
    study.report digits-smoke --format json; study.report digits-smoke-tuned --format json
"""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from tests.support.commands import run_here

MADE_BY_1 = Path(__file__).with_name("version_1_0_0")
STUDY = (
    *("digits", "--smoke", "--where", "augmentation.transform=none", "--where", "mixup_alpha=0"),
    *("--where", "weight_decay=0", "--set", "network.hidden=4"),
)
SEARCH = (
    *("digits", "--smoke", "--trials", "3", "--seeds", "2", "--arm", "none", "--arm", "final BN"),
    *("--set", "network.hidden=4"),
)
NUMBERS = ("mean", "n", "statistic")
JUDGED_OTHERWISE = ("H0 best",)  # against the hardest rival, which was the one with the best mean
EXACT = ("keep", "fold", "remove", "none", "fold-recalibrated", "remove-recalibrated", "none-recalibrated")

pytestmark = pytest.mark.timeout(240)


@pytest.fixture
def runs(tmp_path: Path) -> Path:
    """A copy of what 1.0.0 left."""
    return Path(shutil.copytree(MADE_BY_1, tmp_path / "runs"))


def test_a_finished_study_has_nothing_to_do(runs: Path) -> None:
    ended = run_here("study.grid", *STUDY, runs=runs)
    assert ended.returncode == 0, ended.stderr
    assert "8 done, 0 to do" in ended.stdout


@pytest.mark.parametrize("study", ["digits-smoke", "digits-smoke-tuned"])
def test_the_report_is_the_same_to_the_last_digit(study: str, runs: Path) -> None:
    ended = run_here("study.report", study, "--format", "json", runs=runs)
    assert ended.returncode == 0, ended.stderr
    now, before = json.loads(ended.stdout), json.loads((MADE_BY_1 / f"report-{study}.json").read_text())
    for found, earlier in zip(now, before, strict=True):
        assert found["arms"] == earlier["arms"]
        # a claim may be judged by another rule since, or be two; the numbers that it rests on stay
        numbers = {claim["claim"]: claim for claim in found["claims"]}
        for claim in earlier["claims"]:
            if claim["claim"] in numbers and claim["claim"] not in JUDGED_OTHERWISE:
                claim_now = numbers[claim["claim"]]
                assert [claim_now[key] for key in NUMBERS] == [claim[key] for key in NUMBERS]
                assert _over_seeds(claim_now) == pytest.approx((claim["low"], claim["high"]), rel=1e-12)
        assert not numbers.keys() & {"H1"}


def test_exported_files_decide_the_same(runs: Path, tmp_path: Path) -> None:
    ended = run_here("export", "digits-smoke", "--output", str(tmp_path / "onnx"), runs=runs)
    assert ended.returncode == 0, ended.stderr
    for earlier in sorted((MADE_BY_1 / "verified").iterdir()):
        now = _variants(tmp_path / "onnx" / earlier.name / "seed-0" / "verification.json")
        before = _variants(earlier / "verification.json")
        for variant in [name for name in EXACT if name in before]:
            assert now[variant]["confusion"] == before[variant]["confusion"], variant
            assert [image["image"] for image in now[variant]["changed"]] == [
                image["image"] for image in before[variant]["changed"]
            ], variant


@pytest.mark.usefixtures("ray_local")
def test_a_search_goes_on_where_it_was(runs: Path) -> None:
    ended = run_here("study.search", *SEARCH, runs=runs)
    assert ended.returncode == 0, ended.stderr
    assert "6 trials done, 0 to do" in ended.stdout
    more = [{"3": "4"}.get(word, word) for word in SEARCH]
    ended = run_here("study.search", *more, runs=runs)
    assert ended.returncode == 0, ended.stderr
    assert "6 trials done, 2 to do" in ended.stdout


def _over_seeds(claim: dict[str, Any]) -> tuple[float, float]:
    """Returns the interval over seeds, which is all that 1.0.0 had of a pool that every seed redraws."""
    half = claim["half_width_over_seeds"]
    return (claim["low"], claim["high"]) if half is None else (claim["mean"] - half, claim["mean"] + half)


def _variants(path: Path) -> dict[str, Any]:
    variants: dict[str, Any] = json.loads(path.read_text())["variants"]
    return variants
