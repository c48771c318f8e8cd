"""Runs of two arms, two seeds each, and what they answer."""

import pytest

from study.answers import Answer, answer_from, read_decisions
from study.evidence import Group, groups_of_records
from study.studies import find
from trainables.configuration import Trial
from trainables.data.images import Images
from trainables.run import run
from trainables.storage.run_folder import RunFolder
from trainables.training.inputs import Inputs


@pytest.fixture(scope="package")
def runs(tmp_path_factory: pytest.TempPathFactory, digits: Images) -> tuple[RunFolder, Group, Answer]:
    folder, (study,) = RunFolder(str(tmp_path_factory.mktemp("runs"))), find(["digits-smoke"])
    for name in ("plain", "final BN"):
        list(run(Trial(study.name, name, study.arm(name).configuration, (0, 1)), Inputs(digits), folder))
    (group,) = groups_of_records(study, folder.records(study.name), folder)
    answer = answer_from(group, read_decisions(group, folder))
    assert answer is not None
    return folder, group, answer
