import io
import shlex
import sys
from pathlib import Path

import pytest
from rich.console import Console

from study.reporting import groups_of, print_study, tables_of, verdicts_of
from study.studies import find
from tests.support.records import make_records, write_runs
from trainables.evaluation import MINORITY_F1
from trainables.storage import RunFolder


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("digits-smoke", "-m study.grid digits --smoke --runs memory://none"),
        ("digits-tuned", "-m study.search digits --runs memory://none"),
        ("digits-pareto-tuned", "-m study.search digits --objective minority_f1,latency --runs memory://none"),
        ("images-tuned", "-m study.search images --data folder:PATH --minority NAME --runs memory://none"),
    ],
)
def test_a_study_without_runs_names_the_command_that_makes_them(name: str, text: str) -> None:
    screen = Console(file=io.StringIO(), width=500)
    (study,) = find([name])
    assert not print_study(study, RunFolder("memory://none"), screen)
    assert isinstance(screen.file, io.StringIO)
    said = screen.file.getvalue()
    assert said.startswith(f"{name}: no finished run in memory://none")
    assert f"this makes them: {shlex.quote(sys.executable)} {text}\n" in said
    assert ("or none that a search there has found" in said) == name.endswith("-tuned")


def test_only_claims_on_arms_that_ran_are_judged(tmp_path: Path) -> None:
    (study,) = find(["digits-smoke"])
    records = make_records(study, metrics=lambda arm, seed: {MINORITY_F1: 0.5})
    folder = write_runs(tmp_path, [record for record in records if record.arm == "plain"])
    (group,) = groups_of(study, folder)
    assert verdicts_of(group) == []
    titles = [str(table.title) for table in tables_of(group, folder)]
    assert "claims" not in titles
    assert titles[0].endswith("(as declared)")
