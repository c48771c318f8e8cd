import hashlib
import json
import os
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from fsspec.implementations.local import LocalFileSystem
from fsspec.implementations.memory import MemoryFileSystem

from trainables.common import RecordError
from trainables.configuration import Configuration, Trial
from trainables.data.images import Images
from trainables.run import run
from trainables.storage.record import Record
from trainables.storage.run_folder import LARGEST_RECORD, PREDICTIONS, RECORD, WEIGHTS, RunFolder, as_bytes
from trainables.training.inputs import Inputs


@pytest.fixture
def finished(tmp_path: Path, tiny: Configuration, digits: Images) -> tuple[RunFolder, Record, Path]:
    folder = RunFolder(str(tmp_path))
    *_, last = run(Trial("study", "arm", tiny, (0, 1)), Inputs(digits), folder)
    record = last.records[0]
    return folder, record, tmp_path / "study" / tiny.key / "seed-0"


def test_a_run_is_three_files_and_reads_back(finished: tuple[RunFolder, Record, Path]) -> None:
    folder, record, place = finished
    assert {path.name for path in place.iterdir()} == {RECORD, WEIGHTS, PREDICTIONS}
    assert folder.read("study", record.key, 0) == record
    assert [stored.seed for stored in folder.records("study")] == [0, 1]
    assert len(record.history["test/f1/minority"]) == 3
    assert folder.tensors(record, PREDICTIONS)["test/scores"].shape == (300, 2)
    assert record.typed_configuration().key == record.key


@pytest.mark.parametrize("name", [RECORD, WEIGHTS, PREDICTIONS])
def test_a_file_cut_short_is_never_read_as_good(finished: tuple[RunFolder, Record, Path], name: str) -> None:
    folder, record, place = finished
    content = (place / name).read_bytes()
    (place / name).write_bytes(content[: len(content) // 2])
    assert folder.read("study", record.key, 0) is None
    assert [stored.seed for stored in folder.records("study", verify=True)] == [1]


def test_damaged_weights_are_refused(finished: tuple[RunFolder, Record, Path]) -> None:
    folder, record, place = finished
    content = bytearray((place / WEIGHTS).read_bytes())
    content[-1] ^= 1
    (place / WEIGHTS).write_bytes(content)
    with pytest.raises(RecordError, match="missing or damaged"):
        folder.tensors(record, WEIGHTS)


def test_a_record_that_names_other_files_than_a_runs_is_never_read(finished: tuple[RunFolder, Record, Path]) -> None:
    folder, record, place = finished
    for files in ({}, {**record.files, "../../../../../../etc/hostname": "0"}):
        (place / RECORD).write_text(record.model_copy(update={"files": files}).model_dump_json())
        assert folder.read("study", record.key, 0) is None


def test_copies_beside_a_run_and_brackets_in_a_path_change_nothing(
    tmp_path: Path, tiny: Configuration, digits: Images
) -> None:
    folder = RunFolder(str(tmp_path / "runs [new]?"))
    list(run(Trial("study", "arm", tiny, (0,)), Inputs(digits), folder))
    place = tmp_path / "runs [new]?" / "study" / tiny.key / "seed-0"
    shutil.copytree(place, place.with_name("seed-0 copy"))
    assert [record.seed for record in folder.records("study", verify=True)] == [0]
    assert folder.studies() == ["study"]


def test_a_record_is_plain_json_with_null_where_undefined(tmp_path: Path, tiny: Configuration, digits: Images) -> None:
    nobody = tiny.replace({"data.validation_minority": 0})
    *_, last = run(Trial("study", "arm", nobody, (0,)), Inputs(digits), RunFolder(str(tmp_path)))
    stored = json.loads((tmp_path / "study" / nobody.key / "seed-0" / RECORD).read_text())
    assert stored["history"]["validation/f1/minority"] == [None, None, None]
    assert np.isnan(last.records[0].metric("validation/f1/minority"))


def test_shared_arrays_are_written_once_and_again_when_cut_short(tmp_path: Path) -> None:
    folder = RunFolder(str(tmp_path))
    folder.write_shared("features/a", {"x": np.ones(1000), "scalar": np.array(3)})
    (file,) = tmp_path.rglob("a.safetensors")
    file.write_bytes(file.read_bytes()[:-100])
    assert folder.read_shared("features/a") is None
    folder.write_shared("features/a", {"x": np.ones(1000), "scalar": np.array(3)})
    read = folder.read_shared("features/a")
    assert read is not None
    assert read["scalar"].shape == ()


def test_the_run_folder_may_be_any_fsspec_url(tiny: Configuration, digits: Images) -> None:
    folder = RunFolder("memory://somewhere/runs")
    folder.probe()
    *_, last = run(Trial("study", "arm", tiny, (0,)), Inputs(digits), folder)
    assert list(folder.records("study")) == last.records


def test_a_store_that_does_not_answer_is_one_line(
    finished: tuple[RunFolder, Record, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    local, record, place = finished
    store = RunFolder("memory://a-store")
    for file in place.iterdir():
        store.put(f"study/{record.key}/seed-0/{file.name}", file.read_bytes())
    assert list(store.records("study")) == [record]

    def refuse(*arguments: object, **options: object) -> None:
        raise ConnectionError("no credentials")

    monkeypatch.setattr(MemoryFileSystem, "cat_file", refuse)
    for reads in (lambda: list(store.records(record.study)), lambda: store.tensors(record, WEIGHTS)):
        with pytest.raises(RecordError, match=r"cannot be read: study/.*: no credentials"):
            reads()
    monkeypatch.setattr(LocalFileSystem, "glob", refuse)
    with pytest.raises(RecordError, match=r"cannot be read: no credentials"):
        local.studies()


def _newer(text: str) -> str:
    return text.replace('"schedule.epochs"', '"schedule.ages"')


def _in_its_place(make: Callable[[Path], object]) -> Callable[[Path], None]:
    def damage(file: Path) -> None:
        file.unlink()
        make(file)

    return damage


DAMAGE: dict[str, tuple[Callable[[Path], object], str]] = {
    "of a newer version": (lambda file: file.write_text(_newer(file.read_text())), "another version.*schedule.ages"),
    "of a wrong type": (
        lambda file: file.write_text(re.sub(r'"seconds":[^,]*', '"seconds":"a while"', file.read_text())),
        "seconds: Input should be a valid number",
    ),
    "with a day that is none": (
        lambda file: file.write_text(re.sub(r'"finished_at":"[^"]*', '"finished_at":"once', file.read_text())),
        "Invalid isoformat string",
    ),
    "with a metric without a name": (
        lambda file: file.write_text(file.read_text().replace('"test/f1/minority":', '"f1":')),
        "'f1' is not split/metric/class",
    ),
    "no JSON": (lambda file: file.write_bytes(b"\xff\xfe{"), "no record: Invalid JSON"),
    "empty": (lambda file: file.write_bytes(b""), "no record: Invalid JSON"),
    "of another run": (
        lambda file: file.write_text(file.read_text().replace('"seed":0', '"seed":7')),
        "another run than the one in whose folder it lies",
    ),
    "a folder": (_in_its_place(Path.mkdir), "a folder, not a regular file"),
    "a FIFO": (_in_its_place(os.mkfifo), "a FIFO, not a regular file"),
    "a loop of links": (_in_its_place(lambda file: file.symlink_to(file)), "Too many levels of symbolic links"),
    "without end": (_in_its_place(lambda file: file.symlink_to("/dev/zero")), "a device, not a regular file"),
    "huge": (lambda file: os.truncate(file, LARGEST_RECORD + 1), "larger than 64 MiB"),
}


@pytest.mark.parametrize(("damage", "reason"), DAMAGE.values(), ids=DAMAGE.keys())
def test_a_record_that_cannot_be_understood_is_named_and_the_others_are_read(
    damage: Callable[[Path], object], reason: str, finished: tuple[RunFolder, Record, Path]
) -> None:
    folder, record, place = finished
    damage(place / RECORD)
    assert [stored.seed for stored in folder.records("study")] == [1]
    ((name, said),) = folder.left_out.items()
    assert name == f"study/{record.key}/seed-0/{RECORD}"
    assert re.search(reason, said), said
    assert folder.read("study", record.key, 0) is None or "version" in reason


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"test/scores": None}, "holds no test/scores"),
        ({"validation/labels": None}, "holds no validation/labels"),
        ({"test/scores": np.zeros((300, 5), np.float32)}, "do not go together"),
        ({"test/labels": np.full(300, 9)}, "do not go together"),
    ],
)
def test_predictions_that_are_none_are_one_line(
    change: dict[str, np.ndarray | None], reason: str, finished: tuple[RunFolder, Record, Path]
) -> None:
    folder, record, place = finished
    tensors = folder.tensors(record, PREDICTIONS) | {name: array for name, array in change.items()}
    content = as_bytes({name: array for name, array in tensors.items() if array is not None})
    (place / PREDICTIONS).write_bytes(content)
    changed = record.model_copy(update={"files": {**record.files, PREDICTIONS: hashlib.sha256(content).hexdigest()}})
    with pytest.raises(RecordError, match=reason):
        folder.tensors(changed, PREDICTIONS)
