"""The search: its space, how outcomes are told to Optuna, and that test images cannot reach it."""

import math
from pathlib import Path

import numpy as np
import optuna
import pytest
from optuna.trial import TrialState
from sklearn.metrics import f1_score

from study.evidence import robustness
from study.studies import find, search_space
from study.studies.ours.tuned import tuned_study
from study.studies.search_space import Choice, Range
from study.tuning import trial_storage
from study.tuning.arm_search import ArmSearch
from trainables.configuration import Configuration
from trainables.errors import ConfigurationError
from trainables.evaluation import thresholds

SPACE = (Range("optimiser.learning_rate", 1e-4, 1e-1, log=True), Choice("schedule.batch_size", (16, 32)))
SCORE = "validation/balanced_f1/minority"


def test_the_design_is_shared_and_nested_and_inside_the_space() -> None:
    few, many = search_space.shared_design(SPACE, 4), search_space.shared_design(SPACE, 10)
    assert many[:4] == few
    assert all(1e-4 <= s["optimiser.learning_rate"] <= 1e-1 and s["schedule.batch_size"] in (16, 32) for s in many)
    assert {s["schedule.batch_size"] for s in many} == {16, 32}
    assert sum(s["optimiser.learning_rate"] < 10**-2.5 for s in many) in (4, 5, 6)  # even over the logarithm


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("0.1..0.1", "empty range"),
        ("1..0.1", "empty range"),
        ("0..1", "0 < LOW < HIGH"),
        ("-1..1", "0 < LOW < HIGH"),
        ("a..b", r"LOW\.\.HIGH or A,B,C"),
    ],
)
def test_a_wrong_range_is_one_line(text: str, says: str) -> None:
    with pytest.raises(ConfigurationError, match=says):
        search_space.parse_dimension("learning_rate", text, Configuration())
    with pytest.raises(ConfigurationError, match="unknown field"):
        search_space.parse_dimension("learning_speed", "1..2", Configuration())
    with pytest.raises(ConfigurationError, match="focal_gamma: it tells arms apart"):
        search_space.parse_dimension("focal_gamma", "1,2", Configuration())
    assert search_space.parse_dimension("batch_size", "16,64", Configuration()) == Choice(
        "schedule.batch_size", (16, 64)
    )


def test_every_arm_fits_the_bases_of_the_studies() -> None:
    for name in ("digits", "table5", "table7", "table4"):
        base = search_space.base_of_search(find([name])[0])
        assert base.network.final_norm == "none"
        assert len({base.replace(changes).key for changes in search_space.SEARCH_ARMS.values()}) == len(
            search_space.SEARCH_ARMS
        )


def _storage(folder: Path) -> trial_storage.Storage:
    return trial_storage.open_storage(None, str(folder))


def test_outcomes_are_told_as_they_are(tmp_path: Path) -> None:
    storage = _storage(tmp_path)
    design = search_space.shared_design(SPACE, 2)
    assert trial_storage.begin("s", storage, SPACE, ["maximize"], design) == 0
    search = ArmSearch("s", storage, SPACE, ["score"], ["maximize"], budget=9, seed=0, trials=9)
    for i in range(5):
        assert search.suggest(str(i)).keys() == {"optimiser.learning_rate", "schedule.batch_size"}
    assert [search.is_of_design(str(i)) for i in range(5)] == [True, True, False, False, False]
    search.on_trial_result("0", {"score": 0.5, "epoch": 3})
    search.on_trial_complete("0", {"score": 0.7, "epoch": 9})
    search.on_trial_complete("1", {"score": 0.9, "epoch": 3})  # stopped early
    search.on_trial_complete("2", {"score": math.nan, "epoch": 1, "reason": "loss is nan"})
    search.on_trial_complete("3", None, error=True)
    found = trial_storage.read("s", storage)
    assert [s.state for s in found] == ["complete", "pruned", "failed", "failed"]
    assert [s.design for s in found] == [0, 1, None, None]
    assert (found[0].scores, found[2].reason, found[3].reason) == ((0.7,), "loss is nan", "its process was lost")
    study = optuna.load_study(study_name="s", storage=storage)
    assert [t.state for t in study.get_trials(states=(TrialState.RUNNING,))] == [TrialState.RUNNING]  # the fifth


def test_a_dead_drivers_trials_are_asked_again_and_counted_once(tmp_path: Path) -> None:
    storage, design = _storage(tmp_path), search_space.shared_design(SPACE, 3)
    trial_storage.begin("s", storage, SPACE, ["maximize"], design)
    search = ArmSearch("s", storage, SPACE, ["score"], ["maximize"], budget=9, seed=0, trials=9)
    asked = [search.suggest(str(i)) for i in range(2)]
    search.on_trial_complete("0", {"score": 0.7, "epoch": 9})  # and then the driver dies
    again = _storage(tmp_path)
    assert trial_storage.begin("s", again, SPACE, ["maximize"], design) == 1
    study = optuna.load_study(study_name="s", storage=again)
    assert not study.get_trials(states=(TrialState.RUNNING,))
    search = ArmSearch("s", again, SPACE, ["score"], ["maximize"], budget=9, seed=1, trials=9)
    following = [search.suggest(str(i)) for i in range(2)]
    assert asked[1] in following
    assert [search.is_of_design(str(i)) for i in range(2)] == [True, True]
    assert len(trial_storage.read("s", again)) == 1
    more = search_space.shared_design(SPACE, 5)  # a larger budget has a longer design
    for i in range(2):
        search.on_trial_complete(str(i), {"score": 0.1, "epoch": 9})
    assert trial_storage.begin("s", again, SPACE, ["maximize"], more) == 3
    waiting = study.get_trials(states=(TrialState.WAITING,))
    assert sorted(trial.user_attrs[trial_storage.DESIGN] for trial in waiting) == [3, 4]


def test_another_space_is_refused_and_says_what_differs(tmp_path: Path) -> None:
    storage = _storage(tmp_path)
    trial_storage.begin("s", storage, SPACE, ["maximize"], [])
    other = (Range("optimiser.learning_rate", 1e-3, 1e-1, log=True),)
    with pytest.raises(
        ConfigurationError, match=r"low=0\.0001.* then, .*low=0\.001.*batch_size: .* then, not varied now"
    ):
        trial_storage.begin("s", storage, other, ["maximize"], [])
    with pytest.raises(ConfigurationError, match="1 objectives then, 2 now"):
        trial_storage.begin("s", storage, SPACE, ["maximize", "minimize"], [])


def test_a_storage_out_of_reach_is_one_line_without_its_password(tmp_path: Path) -> None:
    for url in ("postgresql://user:secret@127.0.0.1:1/x", "sqlite:////nowhere/at/all.db", "nonsense"):
        with pytest.raises(ConfigurationError, match="--storage: ") as caught:
            trial_storage.open_storage(url, str(tmp_path))
        assert "secret" not in str(caught.value)
    with pytest.raises(ConfigurationError, match="needs --storage"):
        trial_storage.open_storage(None, "s3://bucket/runs")


@pytest.mark.parametrize("seed", range(5))
def test_the_chosen_threshold_is_the_best_by_balanced_f1(seed: int) -> None:
    rng = np.random.default_rng(seed)
    is_minority = rng.random(60) < 0.2
    p = np.clip(rng.normal(0.2 + 0.3 * is_minority, 0.15), 0, 1)
    weights = (1 / np.bincount(is_minority.astype(int)))[is_minority.astype(int)]

    def score(threshold: float) -> float:
        return float(f1_score(is_minority, p >= threshold, sample_weight=weights, zero_division=0))

    assert score(thresholds.choose_threshold(p, is_minority)) == pytest.approx(max(map(score, p)))
    assert thresholds.choose_threshold(p, np.zeros(60, bool)) == 0.5


def test_verdicts_on_robustness() -> None:
    design = [{"optimiser.learning_rate": 10.0**-i} for i in range(12)]
    space = (Range("optimiser.learning_rate", 1e-12, 1, log=True),)
    zero = dict.fromkeys(range(12), 0.0)

    def judge(gains: list[float]) -> robustness.Robustness:
        return robustness.judge_robustness("none", dict(enumerate(gains)), zero, design, space)

    assert judge([0.1] * 11 + [-0.1]).verdict == robustness.ROBUST
    assert judge([-0.1] * 12).verdict == robustness.REVERSED
    assert judge([0.1, -0.1] * 6).verdict == robustness.FRAGILE
    assert judge([0.0] * 12).ahead == 6
    assert judge([i / 10 for i in range(12)]).depends_on == "learning_rate (-1.00)"  # falls as the rate rises
    assert robustness.judge_robustness("none", {}, {}, design, space).settings == 0


def test_a_tuned_study_compares_the_final_bn_with_every_arm_without_one() -> None:
    base = Configuration()
    study = tuned_study("x-tuned", {arm: base.replace(changes) for arm, changes in search_space.SEARCH_ARMS.items()})
    assert {pair.control for pair in study.pairs} == {arm for arm in search_space.SEARCH_ARMS if "BN" not in arm}
    assert [claim.test for claim in study.claims] == ["gain"] * 7 + ["removal"]
    assert not tuned_study("x-tuned", {"none": base}).claims


def test_a_search_is_not_gone_on_with_on_other_data(tmp_path: Path) -> None:
    storage = _storage(tmp_path)
    trial_storage.begin("s", storage, SPACE, ["maximize"], [])
    trial_storage.keep_data(["s"], storage, "aaaa")
    trial_storage.keep_data(["s"], storage, "aaaa")
    with pytest.raises(ConfigurationError, match="was begun on data with fingerprint aaaa, now it is bbbb"):
        trial_storage.keep_data(["s"], storage, "bbbb")


def test_a_journal_moves_with_its_run_folder_and_a_database_belongs_to_one(tmp_path: Path) -> None:
    journal, database = _storage(tmp_path), trial_storage.open_storage(f"sqlite:///{tmp_path}/trials.db", "")
    assert [trial_storage.is_shared(storage) for storage in (journal, database)] == [False, True]
    here, there = {trial_storage.RUN_FOLDER: "/here"}, {trial_storage.RUN_FOLDER: "/there"}
    name = f"{trial_storage.PREFIX}s"
    trial_storage.begin(name, journal, SPACE, ["maximize"], [], here)  # as earlier versions noted it
    trial_storage.begin(name, journal, SPACE, ["maximize"], [])
    trial_storage.begin(name, database, SPACE, ["maximize"], search_space.shared_design(SPACE, 1), here)
    with pytest.raises(ConfigurationError, match="run folder: /here then, /there now"):
        trial_storage.begin(name, database, SPACE, ["maximize"], [], there)
    optuna.load_study(study_name=name, storage=database).ask()  # a trial at work
    url = f"sqlite:///{tmp_path}/trials.db"
    assert trial_storage.check_trial_storage(url, "/there", fix=True).state == "ok"
    assert trial_storage.check_trial_storage(url, "/here", fix=False).state == "failed"
    assert trial_storage.check_trial_storage(url, "/here", fix=True).state == "ok"
    trial_storage.begin(name, journal, SPACE, ["maximize"], search_space.shared_design(SPACE, 1))
    optuna.load_study(study_name=name, storage=journal).ask()
    assert (
        trial_storage.check_trial_storage(None, str(tmp_path), fix=False).state == "failed"
    )  # moved here, begun in /here


def test_a_database_that_cannot_be_written_is_one_line(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/trials.db"
    trial_storage.open_storage(url, "")
    storage = trial_storage.open_storage(f"sqlite:///file:{tmp_path}/trials.db?mode=ro&uri=true", "")
    with pytest.raises(ConfigurationError, match=r"--storage: .*readonly"), trial_storage.reached(url):
        trial_storage.begin("s", storage, SPACE, ["maximize"], [])
