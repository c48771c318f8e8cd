from pathlib import Path

import numpy as np

from study.evidence import group_records
from study.reporting.predictions import predictions_of
from study.studies import Arm, Study
from tests.support.records import make_predictions, make_records, write_runs
from trainables.configuration import Configuration
from trainables.storage import PREDICTIONS

STUDY = Study("s", "", "", (Arm("none", Configuration()),), (), ())


def test_test_images_of_an_arm_s_first_seed_and_nothing_of_an_arm_without_records(tmp_path: Path) -> None:
    first = make_predictions(images_per_class=3, splits=("test", "validation"))
    other = make_predictions(images_per_class=4)
    records = make_records(STUDY, seeds=(2, 1))
    folder = write_runs(tmp_path, records[1:], first)
    write_runs(tmp_path, records[:1], other)
    (group,) = group_records(STUDY, folder.records("s"))
    read = predictions_of(group, folder)
    arrays = read("none")
    assert arrays is not None
    assert arrays.keys() == {"scores", "labels", "positions"}
    np.testing.assert_array_equal(arrays["scores"], first["test/scores"])
    assert read("final BN") is None


def test_a_damaged_file_is_named_and_shows_nothing(tmp_path: Path) -> None:
    folder = write_runs(tmp_path, make_records(STUDY))
    (group,) = group_records(STUDY, folder.records("s"))
    (tmp_path / "s" / group.first_record("none").key / "seed-0" / PREDICTIONS).write_bytes(b"")
    assert predictions_of(group, folder)("none") is None
    ((name, reason),) = folder.left_out.items()
    assert name.endswith(f"seed-0/{PREDICTIONS}")
    assert "missing or damaged" in reason
