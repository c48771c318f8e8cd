import math
from pathlib import Path

import pytest

from study.evidence import (
    NOT_REPRODUCED,
    REPRODUCED,
    UNDECIDED,
    Group,
    at_both_priors,
    claim_rows,
    group_records,
    judge,
    read_before,
)
from study.evidence.seed_tables import read_seed_table, write_seed_table
from study.evidence.verdicts import adjust, published_effect
from study.reporting import priors_table, save_gain_at_both_priors
from study.studies import Arm, Study, family_of, find, under_defaults
from tests.support.records import make_records
from tests.support.tables import rows_of
from trainables.common import RecordError
from trainables.evaluation import metric_key
from trainables.storage import Record

SEEDS = range(10)


def _records(study: Study, gain: float, spread: float = 0.01) -> list[Record]:
    """Returns records of the primary pair's arms: recall and F1 of the treated are higher by `gain` on average."""
    pair = study.pairs[0]

    def metrics(arm: Arm, seed: int) -> dict[str, float | None]:
        value = 0.5 + (gain + spread * (seed - 4.5) if arm.name == pair.treated else 0.0)
        names = ("f1/minority", "f1/majority", "recall/minority", "recall/majority")
        recalls = [f"recall/{name}" for name in arm.configuration.data.classes]
        return {f"{split}/{name}": value + 0.2 for split in ("test", "test-removed") for name in (*names, *recalls)}

    records = make_records(study, SEEDS, metrics)
    return [record for record in records if record.arm in (pair.treated, pair.control)]


def _row(study: Study, groups: list[Group], claim: str, before: str = ""):  # type: ignore[no-untyped-def]
    rows = claim_rows(groups, {(study.name, "", claim): before} if before else None)
    return next(row for row in rows if row.claim.id == claim)


def test_holm_by_hand() -> None:
    # sorted 0.01, 0.02, 0.04 times 3, 2, 1; a p that is missing counts as 1 and takes a place
    assert adjust([0.04, 0.01, 0.02]) == pytest.approx([0.04, 0.03, 0.04])
    assert adjust([0.01, math.nan]) == pytest.approx([0.02, 1.0])
    assert adjust([]) == []


def test_a_gain_that_only_its_own_interval_shows_is_undecided_among_many() -> None:
    (study,) = find(["digits"])
    clear, faint = (_row(study, group_records(study, _records(study, gain, spread)), "H0")
                    for gain, spread in ((0.3, 0.01), (0.045, 0.009)))  # fmt: skip
    assert clear.judged[""].answer == REPRODUCED
    judged = faint.judged[""]
    assert judged.verdict.verdict == REPRODUCED
    assert judged.adjusted_p == pytest.approx(min(1, judged.verdict.t_p * len(family_of(""))), rel=0.3)
    assert judged.answer == UNDECIDED
    assert f"adjusted for {len(family_of(''))} claims" in judged.reason


def test_declared_and_tool_stand_in_one_row_with_the_papers_own_numbers_and_what_was_said_before() -> None:
    (study,) = find(["table7"])
    keras = under_defaults(study, "keras")
    groups = group_records(study, [*_records(study, 0.21), *_records(keras, 0.1)])
    row = _row(study, groups, "H0", NOT_REPRODUCED)
    assert set(row.judged) == {"", "keras"}
    assert (row.paper, row.paper_says, row.before) == (pytest.approx(0.21), "holds", NOT_REPRODUCED)
    assert row.judged[""].ratio == pytest.approx(1.0)
    assert row.judged["keras"].ratio == pytest.approx(0.1 / 0.21)
    assert (row.judged[""].holds_paper, row.judged["keras"].holds_paper) == (True, False)


def test_the_papers_own_table_4_does_not_keep_the_frequent_class() -> None:
    (study,) = find(["table4"])
    effects = {claim.id: published_effect(claim, study) for claim in study.claims}
    assert effects["H1a Apple"] == pytest.approx((0.83 + 0.74 - 0.22 - 0.71) / 2 - (0.91 + 0.92 - 0.22 - 0.71) / 4)
    assert effects["H1b Apple"] == pytest.approx(0.74 - 0.92)
    assert math.isnan(effects["P Apple"])  # K21 prints nothing at the training prevalence


def test_a_seed_table_gives_the_verdicts_of_the_records_it_was_made_of(tmp_path: Path) -> None:
    (study,) = find(["table7"])
    keras = under_defaults(study, "keras")
    groups = group_records(study, [*_records(study, 0.21), *_records(keras, 0.1)])
    assert write_seed_table(tmp_path / "table7.csv", groups[:1]) == 20
    assert write_seed_table(tmp_path / "table7.csv", groups) == 40  # beside those there, none twice
    read = read_seed_table(study, tmp_path / "table7.csv")
    assert [(group.label, group.profile) for group in read] == [(group.label, group.profile) for group in groups]
    for group, same in zip(groups, read, strict=True):
        for claim in study.claims:
            if claim.test != "best":  # not all arms are there
                first, second = judge(claim, group), judge(claim, same)
                assert (first.verdict, first.reason) == (second.verdict, second.reason)
                assert first.difference.mean == pytest.approx(second.difference.mean, abs=1e-5, nan_ok=True)


def test_courses_are_kept_where_a_claim_judges_them(tmp_path: Path) -> None:
    (study,) = find(["table4"])
    records = [record.model_copy(update={"history": {**record.history, "test/f1/minority": [0.1, 0.9, 0.7]}})
               for record in _records(study, 0.2)]  # fmt: skip
    write_seed_table(tmp_path / "table4.csv", group_records(study, records))
    (group,) = read_seed_table(study, tmp_path / "table4.csv")
    record = group.records["Apple, none"][0]
    assert record.history["test/f1/minority"] == [0.1, 0.9, 0.7]
    assert len(record.history[metric_key("test", "f1", "majority")]) == 1


def test_a_row_of_another_declaration_is_refused_by_its_line(tmp_path: Path) -> None:
    (study,) = find(["digits"])
    path = tmp_path / "digits.csv"
    write_seed_table(path, group_records(study, _records(study, 0.3)))
    lines = path.read_text().splitlines()
    key = lines[2].split(",")[2]
    path.write_text("\n".join([*lines[:2], lines[2].replace(key, "0" * 12), *lines[3:]]))
    with pytest.raises(RecordError, match="line 3: not a run of digits: the key is 000000000000"):
        read_seed_table(study, path)
    path.write_text("\n".join([*lines[:2], lines[2].replace("plain", "nonsense"), *lines[3:]]))
    with pytest.raises(RecordError, match="line 3"):
        read_seed_table(study, path)


def test_what_1_0_0_said_is_read_from_its_file(tmp_path: Path) -> None:
    path = tmp_path / "before.csv"
    path.write_text("study,changes,claim,verdict\ndigits,,H1a,reproduced\n")
    assert read_before(path) == {("digits", "", "H1a"): "reproduced"}
    assert read_before(tmp_path / "none.csv") == {}


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"\xff\xfe\x00", "cannot be read as CSV"),
        (b"a,b\n1,2\n", "has no column arm, seed"),
        (b"arm,seed,key,defaults,changes,finished,seconds\nplain,x,k,,,,1\n", "line 2: not a run of digits"),
        (b"arm,seed,key,defaults,changes,finished,seconds\nplain,0,k,,[1],,1\n", "line 2: not a run of digits"),
        (b"arm,seed,key,defaults,changes,finished,seconds\nplain,0\n", "line 2: not a run of digits"),
    ],
)
def test_what_is_no_seed_table_is_refused_in_one_line(tmp_path: Path, content: bytes, reason: str) -> None:
    (study,) = find(["digits"])
    path = tmp_path / "digits.csv"
    path.write_bytes(content)
    with pytest.raises(RecordError, match=reason) as caught:
        read_seed_table(study, path)
    assert "\n" not in str(caught.value)


def test_a_table_that_cannot_be_written_is_said_and_what_stood_there_stays(tmp_path: Path) -> None:
    (study,) = find(["digits"])
    groups = group_records(study, _records(study, 0.3))
    (tmp_path / "file").write_text("")
    with pytest.raises(RecordError, match="cannot be written"):
        write_seed_table(tmp_path / "file" / "digits.csv", groups)


def test_each_gain_stands_beside_that_at_the_training_prevalence() -> None:
    (study,) = find(["table4"])
    rows = claim_rows(group_records(study, _records(study, 0.2)))
    ((balanced, training),) = at_both_priors(rows)
    assert (balanced.claim.id, training.claim.id) == ("H0 Apple", "P Apple")
    assert rows_of(priors_table(rows))[0][:2] == ["table4 Apple", "as declared"]


def test_the_figure_of_both_priors(tmp_path: Path) -> None:
    (study,) = find(["table4"])
    rows = claim_rows(group_records(study, _records(study, 0.2)))
    assert save_gain_at_both_priors(rows, tmp_path / "new" / "both.svg")
    assert "table4 Apple" in (tmp_path / "new" / "both.svg").read_text()
    assert not save_gain_at_both_priors([], tmp_path / "none.png")
    (tmp_path / "file").write_text("")
    with pytest.raises(RecordError, match="cannot be written"):
        save_gain_at_both_priors(rows, tmp_path / "file" / "both.png")
