"""A table that names the classes of the images beside it."""

from pathlib import Path

import pandas as pd
import pytest

from tests.support.photos import photo
from trainables.common import DataError
from trainables.data.image_folder import Folder, survey_folder


def test_a_table_names_the_classes(root: Path, tmp_path: Path) -> None:
    flat = tmp_path / "flat"
    for i in range(12):
        photo(flat / f"x{i}.png", i)
    (flat / "labels.csv").write_text(
        "file, label ,group,split\nx0.png,healthy,1,train\nx1, sick,2,test\n"
        + "".join(f"x{i}.png,{'sick' if i % 2 else 'healthy'},{i},train\n" for i in range(2, 10))
        + "gone.png,sick,9,train\n",
        encoding="utf-8",
    )
    survey = survey_folder(Folder(str(flat), labels=str(flat / "labels.csv")))
    assert survey.counts == {"healthy": 5, "sick": 5}
    assert [path.name for path in survey.files][:2] == ["x0.png", "x2.png"]
    assert survey.parts is not None
    assert survey.parts.tolist() == [2] * 5 + [0] + [2] * 4
    assert survey.groups is not None
    assert len(set(survey.groups.tolist())) == 9  # x1 and x2 belong together
    assert [str(left_out) for left_out in survey.left_out if left_out.kind == "unlabelled"] == [
        "x10.png: no row of the table", "x11.png: no row of the table",
    ]  # fmt: skip
    assert survey.unmatched_rows == ("gone.png",)
    moved = flat.rename(tmp_path / "elsewhere")
    table = moved / "labels.csv"
    assert survey_folder(Folder(str(moved), labels=str(table))).source == survey.source
    pd.read_csv(table, skipinitialspace=True).rename(columns=str.strip).to_parquet(moved / "labels.parquet")
    assert survey_folder(Folder(str(moved), labels=str(moved / "labels.parquet"))).source == survey.source
    table.write_text(table.read_text().replace("x2.png,healthy", "x2.png,sick"))  # the same bytes, another truth
    assert survey_folder(Folder(str(moved), labels=str(table))).source != survey.source


WRONG_TABLES = {
    "no column": ("name,label\nx0,a\n", "columns name, label; file and label are needed"),
    "two labels": ("file,label\nx0.png,a\nx0.png,b\n", r"x0\.png is in two labels, a and b; one is allowed"),
    "no label": ("file,label\nx0.png,\nx1.png,b\n", r"x0\.png has no label \(1 such rows\)"),
    "no file there": ("file,label\ny.png,a\n", "none of its 1 files is among the images, such as x0"),
    "no row": ("file,label\n", "no row"),
    "unknown part": ("file,label,split\nx0.png,a,later\n", r"x0\.png has split 'later'; allowed: train, training, val"),
    "columns of classes": (
        "file,a,b\nx0.png,1,1\nx1.png,0,1\n",
        r"a column per class \(a, b\), 1 of 2 images in several classes \(multi-label\); needed is one column label",
    ),
    "lists": (
        "file,label\nx0.png,a\nx1.png,b\nx2.png,a b\nx3.png,a|c\n",
        r"2 images have several labels \(a b, a\|c\): multi-label tables are not read",
    ),
    "an escape": ("file,label\nx0.png,a\x1b[31m\nx1.png,b\n", r"label 'a\\x1b\[31m' cannot be shown in one line"),
    "not text": ("\udcff", "cannot be read"),
}  # fmt: skip


@pytest.mark.parametrize(("text", "says"), WRONG_TABLES.values(), ids=WRONG_TABLES.keys())
def test_a_table_that_cannot_be_used_is_one_line(text: str, says: str, tmp_path: Path) -> None:
    for i in range(4):
        photo(tmp_path / f"x{i}.png", i)
    table = tmp_path / "labels.csv"
    table.write_bytes(text.encode(errors="surrogateescape"))
    with pytest.raises(DataError, match=says) as caught:
        survey_folder(Folder(str(tmp_path), labels=str(table)))
    assert "\n" not in str(caught.value)
