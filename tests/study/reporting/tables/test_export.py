import io
from pathlib import Path

import pytest
from rich.console import Console

from export.runs import KEEP, NONE, REMOVE, Exported
from export.verification import Verification
from export.verification.verify import Changed
from study.evidence import Group, group_records
from study.reporting.tables import h1_verdicts, variants_overview, variants_table
from study.studies import Arm, Study
from tests.support.records import make_records
from tests.support.tables import rows_of
from trainables.configuration import Configuration

PLAIN, FINAL = Arm("plain", Configuration()), Arm("final", Configuration().replace({"network.final_norm": "batch"}))
STUDY = Study("s", "", "", (PLAIN, FINAL), (), ())
F1 = {  # variant -> seed -> F1 of the minority
    NONE: {0: 0.2, 1: 0.4},
    KEEP: {0: 0.8, 1: 0.8},
    REMOVE: {0: 0.6, 1: 0.8},
}


def _exported() -> tuple[Group, list[Exported]]:
    (group,) = group_records(STUDY, make_records(STUDY))
    exported = []
    for arm, variants in (("plain", [NONE]), ("final", [KEEP, REMOVE])):
        for seed, record in group.records[arm].items():
            verifications = {variant: _verification(F1[variant][seed], seed) for variant in variants}
            files = {variant: Path(f"{variant}.onnx") for variant in variants}
            exported.append(Exported(record, files, verifications))
    return group, exported


def _verification(f1: float, seed: int) -> Verification:
    metrics = {"f1/minority": f1, "f1/8": f1, "f1/others": 0.9, "f1/majority": 0.9}
    changed = (Changed("a.png", "8", "8", "others", 0.1),) * seed
    return Verification(
        "any", 1e-7 * (seed + 1), 3, 0.004 * seed, changed, 300, metrics, [], 0.0, 5, 1234, 1.0 + seed, 2.0 + seed
    )


def test_a_row_per_arm_and_variant_over_all_seeds() -> None:
    group, exported = _exported()
    rows = {(arm, variant): cells for arm, variant, *cells in rows_of(variants_table("t", group, exported))}
    assert list(rows) == [("plain", NONE), ("final", KEEP), ("final", REMOVE)]
    # 0.2, 0.4: 12.706 * 0.14142 / 1.41421 = 1.271
    f1 = ["0.900 ± 0.000", "0.300 ± 1.271"]
    assert rows["plain", NONE][:-1] == ["2", "2.0e-07", "1 of 600", "0.4%", *f1, "5", "1,234", "1.500", "2.500"]


def test_h1_is_judged_on_what_onnxruntime_gives() -> None:
    group, exported = _exported()
    half_kept, majority = h1_verdicts(group, exported)
    # of both roles' mean, the majority's being 0.9: ((0.6 - 0.2) - 0.5 * 0.6) / 2 and ((0.8 - 0.4) - 0.5 * 0.4) / 2
    assert half_kept.difference.mean == pytest.approx(0.075)
    assert majority.difference.mean == 0
    assert (half_kept.claim.id, majority.claim.id, half_kept.difference.n) == ("H1a", "H1b", 2)
    assert h1_verdicts(group, [run for run in exported if run.record.arm == "final"]) == []


@pytest.mark.parametrize("width", [80, 100, 240])
def test_a_screen_shows_the_columns_that_it_has_room_for_and_cuts_none(width: int) -> None:
    screen = Console(file=io.StringIO(), width=width, markup=False)
    screen.print(variants_overview(variants_table("t", *_exported()), width))
    assert isinstance(screen.file, io.StringIO)
    text = screen.file.getvalue()
    assert "…" not in text
    assert text.count("yes") == 3  # the last column
    assert max(map(len, text.splitlines())) <= width
    assert text.count("0.300 ± 1.271") == 1  # on one line
    assert ("p95 ms" in text) == (width == 240)
    assert ("--format markdown" in " ".join(text.split())) == (width < 240)
