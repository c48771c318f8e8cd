import re
from collections.abc import Sequence
from pathlib import Path

import pytest
import torch

from study.commandline import choose, read_request
from study.grid import parser
from study.studies import Study, find
from trainables.common import ConfigurationError


def _applied(study: str, *arguments: str) -> Study:
    (chosen,) = choose(read_request(parser().parse_args([study, *arguments]))).studies
    return chosen


def _values(study: Study, field: str) -> set[object]:
    return {arm.configuration.flat()[field] for arm in study.arms}


@pytest.mark.parametrize(
    ("arguments", "field", "values"),
    [
        (("--set", "optimiser.learning_rate=0.003"), "optimiser.learning_rate", {0.003}),
        (("--set", "epochs=7"), "schedule.epochs", {7}),
        (("--data", "mnist"), "data.source", {"mnist"}),
        (("--ratio", "0.05"), "data.train_minority", {50}),
        (("--image-size", "16"), "data.image_size", {16}),
        (("--where", "final_norm=batch"), "network.final_norm", {"batch"}),
        (("--where", "weight_decay=0.01"), "optimiser.weight_decay", {0.01}),
        (("--smoke",), "schedule.epochs", {2}),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_what_an_option_does(arguments: Sequence[str], field: str, values: set[object]) -> None:
    assert _values(_applied("digits", *arguments), field) == values


def test_classes() -> None:
    (configuration, *_) = [arm.configuration for arm in _applied("table7", "--minority", "3,5", "--majority", "8").arms]
    assert configuration.data.classes == ("8", "3", "5")


def test_another_backbone(tmp_path: Path) -> None:
    torch.save({"conv1.weight": torch.zeros(1)}, tmp_path / "w.pt")
    study = _applied("table4", "--network", "resnet18", "--cut", "layer3", "--weights", str(tmp_path / "w.pt"))
    assert _values(study, "network.name") == {"resnet18"}
    assert _values(study, "network.cut") == {"layer3"}
    (weights,) = _values(study, "network.weights")
    assert str(weights).startswith("sha256:")
    assert str(tmp_path) not in str([arm.configuration for arm in study.arms])  # no path enters a configuration


def test_smoke_of_a_backbone_is_small_and_apart() -> None:
    study = _applied("figure2a", "--smoke", "--network", "vgg19", "--weights", "none", "--where", "trainable=all")
    assert study.name == "figure2a-smoke"
    assert _values(study, "schedule.epochs") == {1}
    assert max(arm.configuration.data.train_majority for arm in study.arms) == 100


def test_what_is_asked_for_by_name_wins_over_smoke() -> None:
    assert _values(_applied("digits", "--smoke", "--set", "epochs=7"), "schedule.epochs") == {7}
    backbone = _applied("table6", "--smoke", "--ratio", "0.05")
    assert _values(backbone, "data.train_minority") == {5}  # of the 100 that the smoke size has


def test_where_comes_before_set() -> None:
    study = _applied("figure2a", "--where", "train_minority=10", "--where", "trainable=head", "--set", "split=blocked")
    assert len(study.arms) == 2
    assert _values(study, "data.split") == {"blocked"}


def test_a_change_that_merges_arms_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="are the same; to choose among arms use --where"):
        _applied("figure2a", "--ratio", "0.05")


@pytest.mark.parametrize("name", ["digits-pareto", "digits-tuned-smoke", "tuned"])
def test_a_name_that_is_no_study_is_refused(name: str) -> None:
    with pytest.raises(ConfigurationError, match="unknown study"):
        find([name])


def test_a_tools_defaults_are_set_and_an_option_by_name_wins(capsys: pytest.CaptureFixture[str]) -> None:
    keras = _applied("table7", "--defaults", "keras", "--set", "norm_eps=1e-4")
    assert _values(keras, "network.norm_eps") == {1e-4}
    assert _values(keras, "network.norm_momentum") == {0.01}
    assert "--defaults keras: set otherwise by name: network.norm_eps" in capsys.readouterr().out
    assert _applied("table7", "--defaults", "declared") == find(["table7"])[0]
    assert capsys.readouterr().out == ""
    with pytest.raises(ConfigurationError, match="--defaults keras: its values are of dense and cnn"):
        _applied("table4", "--defaults", "keras")


def test_data_may_be_the_path_of_a_folder(tmp_path: Path) -> None:
    def source_of(data: str) -> str | None:
        return read_request(parser().parse_args(["images", "--data", data])).changes.source

    assert source_of(str(tmp_path)) == source_of(f"folder:{tmp_path}") == f"folder:{tmp_path}"
    assert source_of("mnist") == "mnist"
    assert source_of(str(tmp_path / "absent")) == str(tmp_path / "absent")  # refused later, as what it is


def test_every_command_says_its_version(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        parser().parse_args(["--version"])
    assert ended.value.code == 0
    assert re.fullmatch(r"final-bn \d+\.\d+\.\d+.*\n", capsys.readouterr().out)
