"""A whole search in one process: what it sees, what it tells, what it keeps."""

import io
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import ray
from rich.console import Console

from study.evidence import search_results
from study.execution import session
from study.execution.prepare import Prepared, prepare_trials
from study.execution.resources import Resources
from study.execution.session import Settings
from study.reporting.summary import groups_of, tables_of
from study.studies.declaration import Arm, Pair, Study
from study.studies.search_space import Choice, Range
from study.tuning import trial_storage
from study.tuning.tune import SearchPlan, tune_arms
from trainables.configuration import Configuration
from trainables.data.images import Images
from trainables.data.split import draw_split
from trainables.evaluation import MINORITY_F1
from trainables.storage.run_folder import RunFolder

pytestmark = [pytest.mark.usefixtures("ray_local"), pytest.mark.timeout(240)]
ARMS = ("none", "final BN")
CHANGED = (
    Range("optimiser.learning_rate", 1e-3, 1e-1, log=True),
    Choice("schedule.batch_size", (16, 32)),
    Choice("network.hidden", (4, 8)),
)


def _tune(folder: Path, base: Configuration, *objectives: str) -> search_results.SearchResult:
    """Four trials of two arms, two fresh seeds; returns what is kept in the run folder."""
    base = base.replace({"network.final_norm": "none"})
    arms = (Arm("plain", base), Arm("final BN", base.replace({"network.final_norm": "batch"})))
    study = Study("digits", "a test", "a test", arms, (Pair("pair", "final BN", "plain"),), ())
    settings = Settings(str(folder), None, folder, 2, Resources())
    storage = trial_storage.open_storage(None, str(folder))
    screen = Console(file=io.StringIO())
    tuned, outcome = tune_arms(study, SearchPlan(4, 5, ARMS, CHANGED, objectives), storage, settings, screen)
    assert not outcome.problems
    (group,) = groups_of(tuned, RunFolder(str(folder)))
    titles = [str(table.title) for table in tables_of(group, RunFolder(str(folder)))]
    assert any("at the threshold that validation chose" in title for title in titles)
    assert any("best settings by validation" in title for title in titles)
    assert group.search is not None
    return group.search


def test_test_images_never_reach_the_search(
    tmp_path: Path, tiny: Configuration, digits: Images, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two whole searches whose test images differ in every pixel try the same settings with the same scores."""
    data = tiny.replace({"data.test_majority": 100, "data.test_minority": 60, "data.validation_minority": 20}).data
    base = tiny.model_copy(update={"data": data})
    splits = [draw_split(data, digits, seed) for seed in range(1000, 1005)]  # the tuning seeds
    used = np.concatenate([np.concatenate([s.train, s.validation]) for s in splits])
    only_test = np.setdiff1d(np.unique(np.concatenate([s.test for s in splits])), used)
    assert len(only_test) > 10
    pixels = np.array(digits.pixels)
    pixels[only_test] = 255 - pixels[only_test]
    poisoned = replace(digits, pixels=pixels)
    outcomes, tested = [], []
    for name, images in (("clean", digits), ("poisoned", poisoned)):

        def prepared(*arguments: object, images: Images = images) -> Prepared:
            result = prepare_trials(*arguments)  # type: ignore[arg-type]
            result.store.images = {key: ray.put(images) for key in result.store.images}
            return result

        monkeypatch.setattr(sys.modules[tune_arms.__module__], "prepare_trials", prepared)
        monkeypatch.setattr(session, "prepare_trials", prepared)
        result = _tune(tmp_path / name, base, "minority_f1")
        outcomes.append(
            {arm: [(s.values, s.state, s.scores) for s in settings] for arm, settings in result.settings.items()}
        )
        records = list(RunFolder(str(tmp_path / name)).records("digits-tuned"))
        tested.append({(r.key, r.seed): r.metric(MINORITY_F1) for r in records})
    assert outcomes[0] == outcomes[1]
    assert {state for settings in outcomes[0].values() for _, state, _ in settings} <= {"complete", "pruned"}
    assert tested[0].keys() == tested[1].keys()
    assert tested[0] != tested[1], "the winners' test images were to differ"


def test_two_objectives_give_a_front_whose_points_are_runs(tmp_path: Path, tiny: Configuration) -> None:
    result = _tune(tmp_path, tiny, "minority_f1", "latency")
    complete = [s for settings in result.settings.values() for s in settings if s.state == "complete"]
    assert len(complete) == 8
    assert all(0 <= score <= 1 and latency > 0 for score, latency in (s.scores for s in complete))
    records = RunFolder(str(tmp_path)).records("digits-pareto-tuned")
    assert {r.key for r in records} == set(result.winners.values())
    assert all(name.endswith(key[:6]) for name, key in result.winners.items())
