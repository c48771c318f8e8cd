"""The stage before the trials through a real Ray: photos, weights and features, each once; what is missing is named."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import torch
from PIL import Image
from torchvision import models

from study.commandline.options import read_weights
from study.execution import prepare
from study.execution.prepare import Prepared, prepare_trials
from study.execution.resources import Resources
from study.execution.trials import run_trials
from trainables.configuration import Configuration, Trial
from trainables.data import Folder, ImageFiles, draw_split, survey_folder
from trainables.storage.run_folder import RunFolder

pytestmark = [pytest.mark.usefixtures("ray_local"), pytest.mark.timeout(180)]


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A plant whose ill leaves are brighter, one truncated photo, and a resnet18's weights."""
    root = tmp_path_factory.mktemp("data")
    rng = np.random.default_rng(0)
    for condition, base, count in (("healthy", 0, 70), ("Rust", 90, 45)):
        folder = root / "plantvillage" / "color" / f"Fern___{condition}"
        folder.mkdir(parents=True)
        for i in range(count):
            photo = rng.integers(0, 120, (32, 32, 3)).astype(np.uint8) + np.uint8(base)
            Image.fromarray(photo).save(folder / f"id___S {i}.JPG")
    (folder / "cut.JPG").write_bytes((folder / "id___S 0.JPG").read_bytes()[:300])
    torch.manual_seed(0)
    torch.save(models.resnet18().state_dict(), root / "resnet18.pt")
    return root


@pytest.fixture
def frozen(data: Path) -> Configuration:
    identity, _ = read_weights(str(data / "resnet18.pt"))
    return Configuration().replace(
        {"data.source": "plantvillage:Fern", "data.minority": "unhealthy", "data.majority": "healthy",
         "data.image_size": 32, "data.train_majority": 40, "data.train_minority": 10, "data.validation_majority": 5,
         "data.validation_minority": 5, "data.test_majority": 20, "data.test_minority": 20, "network.name": "resnet18",
         "network.cut": "layer1", "network.weights": identity, "network.trainable": "head",
         "network.final_norm": "batch", "schedule.epochs": 2, "schedule.batch_size": 16}
    )  # fmt: skip


class _Silent:
    def epoch_done(self, trial: Trial, epoch: int, validation_minority_f1: float) -> None: ...

    def trial_done(self, trial: Trial, failures: dict[int, str]) -> None:
        assert failures == {}


def _prepare(trials: list[Trial], data: Path, runs: Path, messages: list[str], weights: bool = True) -> Prepared:
    files = read_weights(str(data / "resnet18.pt"))[1] if weights else {}
    return prepare_trials(trials, data, str(runs), files, 0, messages.append)


def _drawn(configuration: Configuration, prepared: Prepared, seed: int) -> npt.NDArray[np.int64]:
    split = draw_split(configuration.data, prepared.store.inputs(configuration).images, seed)
    return np.concatenate([split.train, split.validation, split.test])


def test_features_are_computed_once_and_trained_on(data: Path, frozen: Configuration, tmp_path: Path) -> None:
    control = frozen.replace({"network.final_norm": "none"})
    moving = frozen.replace({"augmentation.transform": "leaves"})
    trials = [Trial("s", n, c, (0, 1)) for n, c in (("bn", frozen), ("none", control), ("augmented", moving))]
    messages: list[str] = []
    prepared = _prepare(trials, data, tmp_path, messages)
    assert prepared.problems == {}
    drawn = len(np.unique(np.concatenate([_drawn(frozen, prepared, seed) for seed in (0, 1)])))
    assert messages == [f"computing features of {drawn} images of plantvillage:Fern with resnet18 up to layer1, once"]
    assert [name.split("/")[-1] for name in prepared.left_out["plantvillage:Fern"]] != []
    assert prepared.store.inputs(frozen).features is not None
    assert prepared.store.inputs(frozen).backbone is None
    assert prepared.store.inputs(moving).features is None  # augmented images are other images
    run_trials(trials, prepared.store, str(tmp_path), Resources(), _Silent())
    records = list(RunFolder(str(tmp_path)).records("s"))
    assert sorted(record.arm for record in records) == ["augmented", "augmented", "bn", "bn", "none", "none"]
    _prepare(trials, data, tmp_path, messages)
    assert len(messages) == 1  # the second time they come from the run folder


def test_weights_that_are_not_at_hand_or_do_not_fit(data: Path, frozen: Configuration, tmp_path: Path) -> None:
    other = frozen.replace({"network.name": "resnet34", "network.cut": ""})
    trials = [Trial("s", "bn", frozen, (0,)), Trial("s", "other", other, (0,))]
    without = _prepare(trials, data, tmp_path, [], weights=False)
    assert set(without.problems) == {frozen, other}
    assert "not at hand; name their file with --weights" in without.problems[frozen]
    prepared = _prepare(trials, data, tmp_path, [])
    assert set(prepared.problems) == {other}
    assert "weights do not fit resnet34: missing layer1.2.conv1.weight" in prepared.problems[other]


def test_a_plant_that_is_missing_stops_its_own_trials_only(data: Path, frozen: Configuration, tmp_path: Path) -> None:
    tomato = frozen.replace({"data.source": "plantvillage:Tomato"})
    trials = [Trial("s", "fern", frozen, (0,)), Trial("s", "tomato", tomato, (0,))]
    prepared = _prepare(trials, data, tmp_path, [])
    assert set(prepared.problems) == {tomato}
    assert "no folder Tomato___*" in prepared.problems[tomato]


def test_a_frozen_network_is_exported_whole(data: Path, frozen: Configuration, tmp_path: Path) -> None:
    from export.runs.variants import export_run

    trial = Trial("s", "bn", frozen, (0,))
    prepared = _prepare([trial], data, tmp_path, [])
    run_trials([trial], prepared.store, str(tmp_path), Resources(), _Silent())
    folder = RunFolder(str(tmp_path))
    (record,) = folder.records("s")
    exported = export_run(record, folder, prepared.store.inputs(frozen).images, tmp_path / "onnx")
    assert exported.verifications["keep"].changed == exported.verifications["fold"].changed == ()
    assert exported.verifications["keep"].metrics["f1/minority"] == pytest.approx(record.metric("test/f1/minority"))


def test_prepare_says_what_the_data_cannot_give(tmp_path: Path, tiny: Configuration) -> None:
    greedy = tiny.replace({"data.train_minority": 100})
    trials = [Trial("s", "a", tiny, (0,)), Trial("s", "b", greedy, (0,))]
    prepared = prepare_trials(trials, Path(), str(tmp_path), {}, 0, print)
    assert list(prepared.problems) == [greedy]
    assert "images asked (random split), 174 there" in prepared.problems[greedy]
    inputs = prepared.store.inputs(tiny)
    assert prepared.fingerprints["digits", None] == inputs.images.fingerprint
    assert inputs.features is None


def test_features_are_computed_for_the_images_that_runs_draw(data: Path, frozen: Configuration, tmp_path: Path) -> None:
    """Of 115 photos a split draws 35; another seed adds what it lacks, and what there is stays as it is."""
    few = frozen.replace({"data.train_majority": 10, "data.train_minority": 5, "data.test_majority": 5,
                          "data.test_minority": 5, "schedule.batch_size": 8})  # fmt: skip
    messages: list[str] = []

    def prepared_for(seeds: tuple[int, ...]) -> Prepared:
        return _prepare([Trial("s", "bn", few, seeds)], data, tmp_path, messages)

    first = prepared_for((0,))
    one = first.store.inputs(few)
    assert one.features is not None
    drawn = set(np.flatnonzero(~np.isnan(one.features).any(axis=1)))
    assert drawn == set(_drawn(few, first, 0))
    assert len(drawn) == 35
    both = prepared_for((0, 1)).store.inputs(few)
    assert both.features is not None
    added = set(_drawn(few, first, 1)) - drawn
    assert messages == [
        f"computing features of {number} images of plantvillage:Fern with resnet18 up to layer1, once"
        for number in (35, len(added))
    ]
    np.testing.assert_array_equal(both.features[list(drawn)], one.features[list(drawn)])
    prepared_for((1,))
    assert len(messages) == 2


def test_photos_of_a_folder_stay_on_disk_where_only_features_are_trained_on(
    data: Path, frozen: Configuration, tmp_path: Path
) -> None:
    root = data / "plantvillage" / "color"
    survey = survey_folder(Folder(str(root)))
    changes = {"data.source": survey.source, "data.minority": "Fern___Rust", "data.majority": "Fern___healthy"}
    own, folders = frozen.replace(changes), {survey.source: Folder(str(root), survey=survey)}
    moving = own.replace({"augmentation.transform": "leaves"})
    weights = read_weights(str(data / "resnet18.pt"))[1]

    def prepared_for(*configurations: Configuration) -> Prepared:
        trials = [Trial("s", "bn", configuration, (0,)) for configuration in configurations]
        return prepare_trials(trials, data, str(tmp_path), weights, 0, lambda _: None, folders)

    on_disk, in_memory = prepared_for(own).store.inputs(own), prepared_for(own, moving).store.inputs(own)
    assert isinstance(on_disk.images.pixels, ImageFiles)
    assert isinstance(in_memory.images.pixels, np.ndarray)
    assert on_disk.features is not None
    assert in_memory.features is not None
    np.testing.assert_array_equal(on_disk.features, in_memory.features)  # the same images, by another way


def test_features_that_were_computed_are_kept_where_the_rest_fails(
    data: Path, frozen: Configuration, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(prepare, "CHUNK", 20)
    computed = prepare._computed

    def some(*what: Any) -> Iterator[Any]:
        yield next(computed(*what))
        raise KeyboardInterrupt

    trials, messages = [Trial("s", "bn", frozen, (0,))], list[str]()
    monkeypatch.setattr(prepare, "_computed", some)
    with pytest.raises(KeyboardInterrupt):
        _prepare(trials, data, tmp_path, messages)
    monkeypatch.setattr(prepare, "_computed", computed)
    _prepare(trials, data, tmp_path, messages)
    numbers = [int(message.split()[3]) for message in messages]
    assert numbers[1] == numbers[0] - 20
