from pathlib import Path

import pytest

from study.evidence import group_records
from study.reporting.figures import save_figures
from study.reporting.figures.saving import LONGEST, folder_name
from study.studies import find
from tests.support.records import make_records, write_runs
from trainables.common import RecordError
from trainables.evaluation import MINORITY_F1
from trainables.storage import RunFolder


def _runs(runs: Path) -> RunFolder:
    (study,) = find(["figure1-smoke"])
    return write_runs(runs, make_records(study, metrics=lambda arm, seed: {MINORITY_F1: 0.5}))


def test_every_figure_of_a_group_is_a_file_of_its_folder(tmp_path: Path) -> None:
    folder = _runs(tmp_path)
    (study,) = find(["figure1-smoke"])
    (group,) = group_records(study, folder.records(study.name))
    place = tmp_path / "figures" / "figure1-smoke" / "as-declared"
    files = save_figures(group, folder)
    assert files == [place / f"{name}.png" for name in ("f1", "reliability", "outputs")]
    assert sorted(place.iterdir()) == sorted(files)


def test_a_folder_that_cannot_be_written_is_one_line(tmp_path: Path) -> None:
    folder = _runs(tmp_path)
    (tmp_path / "figures").write_text("no folder")
    (study,) = find(["figure1-smoke"])
    (group,) = group_records(study, folder.records(study.name))
    with pytest.raises(RecordError, match=r"f1\.png cannot be written"):
        save_figures(group, folder)


def test_two_labels_have_two_folders() -> None:
    assert folder_name("as declared") == "as-declared"
    assert folder_name("network.width=0.5") == "network.width=0.5"
    alike = ["data.source=folder:a", "data.source=folder/a", "x" * LONGEST + "1", "x" * LONGEST + "2"]
    names = [folder_name(label) for label in alike]
    assert len(set(names)) == len(alike)
    assert all("/" not in name and len(name) <= LONGEST + 9 for name in names)
