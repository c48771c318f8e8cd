from dataclasses import replace

import pytest

from study.evidence.groups import Group, group_records
from study.reporting.markdown import as_markdown, command_of, how_made
from study.reporting.summary import tables_of
from study.studies import STUDIES, find, under_defaults
from study.studies.declaration import Study
from tests.support.records import make_records
from trainables.evaluation import MINORITY_F1
from trainables.storage.run_folder import RunFolder


def _groups(study: Study, changes: dict[str, object]) -> list[Group]:
    changed = study.map(lambda configuration: configuration.replace(changes))
    records = make_records(
        changed,
        metrics=lambda arm, seed: {MINORITY_F1: 0.5 + seed / 10},
        seconds=36,
        finished_at="2026-11-21T10:00:00+00:00",
        versions={"torch": "2.15.0"},
    )
    return group_records(study, records)


@pytest.mark.parametrize(
    ("changes", "command"),
    [
        ({}, "python -m study.grid table7 --seeds 2"),
        ({"optimiser.learning_rate": 0.01}, "python -m study.grid table7 --set optimiser.learning_rate=0.01 --seeds 2"),
    ],
)
def test_a_section_says_how_it_was_made(changes: dict[str, object], command: str) -> None:
    (group,) = _groups(STUDIES["table7"](), changes)
    assert command_of(group) == command
    text = as_markdown(group, tables_of(group, RunFolder("memory://none")))
    assert f"Made by `{command}`" in text
    assert "12 of 12 arms, seeds 0 to 1, 24 runs, finished 2026-11-21, on cpu, with" in text
    assert "torch 2.15.0" in text
    assert "| softmax CCE + final BN | 2 | 0.550 ± 0.635 |" in text  # t(0.975, 1) * 0.0707 / sqrt(2) = 0.635
    assert "| 0.88 | 0.9 |" in text  # the paper's numbers beside ours


def test_the_command_chooses_the_arms_that_are_there() -> None:
    study = STUDIES["figure2a"]()
    frozen = replace(study, arms=tuple(a for a in study.arms if a.configuration.network.trainable == "head"))
    (group,) = _groups(frozen, {})
    group.study = study
    assert command_of(group) == "python -m study.grid figure2a --seeds 2 --where network.trainable=head"
    assert "46 of 92 arms" in how_made(group)
    del group.records["head, 5 per 1000, none"]
    assert "`python -m study.grid figure2a --seeds 2` (here some of its arms): 45 of 92 arms" in how_made(group)


def test_weights_from_a_file_are_asked_for_by_path() -> None:
    weights: dict[str, object] = {
        "network.name": "resnet18",
        "network.cut": "layer3",
        "network.weights": "sha256:0123456789abcdef",
    }
    (group,) = _groups(STUDIES["table4"](), weights)
    assert "--weights PATH" in command_of(group)


def test_the_command_names_a_tools_defaults() -> None:
    declared = find(["table7"])[0]
    keras = under_defaults(declared, "keras").map(lambda configuration: configuration.replace({"schedule.epochs": 3}))
    (group,) = group_records(declared, make_records(keras))
    assert command_of(group) == "python -m study.grid table7 --defaults keras --set schedule.epochs=3 --seeds 2"
