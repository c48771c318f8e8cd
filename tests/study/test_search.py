"""The search: its space, how outcomes are told to Optuna, and that test images cannot reach it."""

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import optuna
import pytest
from optuna.trial import TrialState
from sklearn.metrics import f1_score

from study import launch, optuna_storage, search_space, tuned
from study.optuna_search import Arms, ArmSearch, PerArm
from study.resources import Resources
from study.search_space import Choice, Range
from study.studies import find
from study.studies.tuned import tuned_study
from trainables import thresholds
from trainables.configuration import Configuration
from trainables.errors import ConfigurationError
from trainables.images import Images
from trainables.imbalance import draw
from trainables.records import Record
from trainables.tune_adapter import Search, Store, data_key

SPACE = (Range("optimiser.learning_rate", 1e-4, 1e-1, log=True), Choice("schedule.batch_size", (16, 32)))
SCORE = "validation/balanced_f1/minority"


def test_the_design_is_shared_and_nested_and_inside_the_space() -> None:
    few, many = search_space.design(SPACE, 4), search_space.design(SPACE, 10)
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
        search_space.parse("learning_rate", text, Configuration())
    with pytest.raises(ConfigurationError, match="unknown field"):
        search_space.parse("learning_speed", "1..2", Configuration())
    assert search_space.parse("batch_size", "16,64", Configuration()) == Choice("schedule.batch_size", (16, 64))


def test_every_arm_fits_the_bases_of_the_studies() -> None:
    for name in ("digits", "table5", "table7", "table4"):
        base = search_space.base_of(find([name])[0])
        assert base.network.final_norm == "none"
        assert len({base.replace(changes).key for changes in search_space.ARMS.values()}) == len(search_space.ARMS)


def _storage(folder: Path) -> optuna_storage.Storage:
    return optuna_storage.open_storage(None, str(folder))


def test_outcomes_are_told_as_they_are(tmp_path: Path) -> None:
    storage = _storage(tmp_path)
    design = search_space.design(SPACE, 2)
    assert optuna_storage.begin("s", storage, SPACE, ["maximize"], design) == 0
    search = ArmSearch("s", storage, SPACE, ["score"], ["maximize"], budget=9, seed=0)
    for i in range(5):
        assert search.suggest(str(i)).keys() == {"optimiser.learning_rate", "schedule.batch_size"}
    assert [search.is_of_design(str(i)) for i in range(5)] == [True, True, False, False, False]
    search.on_trial_result("0", {"score": 0.5, "epoch": 3})
    search.on_trial_complete("0", {"score": 0.7, "epoch": 9})
    search.on_trial_complete("1", {"score": 0.9, "epoch": 3})  # stopped early
    search.on_trial_complete("2", {"score": math.nan, "epoch": 1, "reason": "loss is nan"})
    search.on_trial_complete("3", None, error=True)
    found = optuna_storage.read("s", storage)
    assert [s.state for s in found] == ["complete", "pruned", "failed", "failed"]
    assert [s.design for s in found] == [0, 1, None, None]
    assert (found[0].scores, found[2].reason, found[3].reason) == ((0.7,), "loss is nan", "its process was lost")
    study = optuna.load_study(study_name="s", storage=storage)
    assert [t.state for t in study.get_trials(states=(TrialState.RUNNING,))] == [TrialState.RUNNING]  # the fifth


def test_a_dead_drivers_trials_are_asked_again_and_counted_once(tmp_path: Path) -> None:
    storage, design = _storage(tmp_path), search_space.design(SPACE, 3)
    optuna_storage.begin("s", storage, SPACE, ["maximize"], design)
    search = ArmSearch("s", storage, SPACE, ["score"], ["maximize"], budget=9, seed=0)
    asked = [search.suggest(str(i)) for i in range(2)]
    search.on_trial_complete("0", {"score": 0.7, "epoch": 9})  # and then the driver dies
    again = _storage(tmp_path)
    assert optuna_storage.begin("s", again, SPACE, ["maximize"], design) == 1
    study = optuna.load_study(study_name="s", storage=again)
    assert not study.get_trials(states=(TrialState.RUNNING,))
    search = ArmSearch("s", again, SPACE, ["score"], ["maximize"], budget=9, seed=1)
    following = [search.suggest(str(i)) for i in range(2)]
    assert asked[1] in following
    assert [search.is_of_design(str(i)) for i in range(2)] == [True, True]
    assert len(optuna_storage.read("s", again)) == 1
    more = search_space.design(SPACE, 5)  # a larger budget has a longer design
    for i in range(2):
        search.on_trial_complete(str(i), {"score": 0.1, "epoch": 9})
    assert optuna_storage.begin("s", again, SPACE, ["maximize"], more) == 3
    waiting = study.get_trials(states=(TrialState.WAITING,))
    assert sorted(trial.user_attrs[optuna_storage.DESIGN] for trial in waiting) == [3, 4]


def test_another_space_is_refused_and_says_what_differs(tmp_path: Path) -> None:
    storage = _storage(tmp_path)
    optuna_storage.begin("s", storage, SPACE, ["maximize"], [])
    other = (Range("optimiser.learning_rate", 1e-3, 1e-1, log=True),)
    with pytest.raises(
        ConfigurationError, match=r"low=0\.0001.* then, .*low=0\.001.*batch_size: .* then, not varied now"
    ):
        optuna_storage.begin("s", storage, other, ["maximize"], [])
    with pytest.raises(ConfigurationError, match="1 objectives then, 2 now"):
        optuna_storage.begin("s", storage, SPACE, ["maximize", "minimize"], [])


def test_a_storage_out_of_reach_is_one_line_without_its_password(tmp_path: Path) -> None:
    for url in ("postgresql://user:secret@127.0.0.1:1/x", "sqlite:////nowhere/at/all.db", "nonsense"):
        with pytest.raises(ConfigurationError, match="--storage: ") as caught:
            optuna_storage.open_storage(url, str(tmp_path))
        assert "secret" not in str(caught.value)
    with pytest.raises(ConfigurationError, match="needs --storage"):
        optuna_storage.open_storage(None, "s3://bucket/runs")


@pytest.mark.parametrize("seed", range(5))
def test_the_chosen_threshold_is_the_best_by_balanced_f1(seed: int) -> None:
    rng = np.random.default_rng(seed)
    is_minority = rng.random(60) < 0.2
    p = np.clip(rng.normal(0.2 + 0.3 * is_minority, 0.15), 0, 1)
    weights = (1 / np.bincount(is_minority.astype(int)))[is_minority.astype(int)]

    def score(threshold: float) -> float:
        return float(f1_score(is_minority, p >= threshold, sample_weight=weights, zero_division=0))

    assert score(thresholds.choose(p, is_minority)) == pytest.approx(max(map(score, p)))
    assert thresholds.choose(p, np.zeros(60, bool)) == 0.5


def test_verdicts_on_robustness() -> None:
    design = [{"optimiser.learning_rate": 10.0**-i} for i in range(12)]
    space = (Range("optimiser.learning_rate", 1e-12, 1, log=True),)
    zero = dict.fromkeys(range(12), 0.0)

    def judge(gains: list[float]) -> tuned.Robustness:
        return tuned.robustness("none", dict(enumerate(gains)), zero, design, space)

    assert judge([0.1] * 11 + [-0.1]).verdict == tuned.ROBUST
    assert judge([-0.1] * 12).verdict == tuned.REVERSED
    assert judge([0.1, -0.1] * 6).verdict == tuned.FRAGILE
    assert judge([0.0] * 12).ahead == 6
    assert judge([i / 10 for i in range(12)]).depends_on == "learning_rate (-1.00)"  # falls as the rate rises
    assert tuned.robustness("none", {}, {}, design, space).settings == 0


def test_a_tuned_study_compares_the_final_bn_with_every_arm_without_one() -> None:
    base = Configuration()
    study = tuned_study("x-tuned", {arm: base.replace(changes) for arm, changes in search_space.ARMS.items()})
    assert {pair.control for pair in study.pairs} == {arm for arm in search_space.ARMS if "BN" not in arm}
    assert [claim.test for claim in study.claims] == ["gain"] * 7 + ["removal"]
    assert not tuned_study("x-tuned", {"none": base}).claims


def test_winners_on_other_splits_or_networks_are_not_compared() -> None:
    base = Configuration()
    changes: list[dict[str, object]] = [{}, {"data.split": "blocked"}, {"schedule.steps_per_epoch": 3}]
    records = [
        Record(
            study="x-tuned", arm=arm, key=its.key, seed=0, status="complete", seconds=1, configuration=its.flat(),
            data_fingerprint="", finished_at="2026-11-24", device="cpu",
        )
        for arm in ("none", "final BN")
        for its in (base.replace({**search_space.ARMS[arm], **more}) for more in changes)
    ]  # fmt: skip
    found = tuned.groups(tuned_study("x-tuned", {}), records)
    assert sorted(group.label.rpartition(", ")[2] for group in found) == [
        "30 epochs", "data.split=blocked", "schedule.steps_per_epoch=3",
    ]  # fmt: skip
    assert all(len(group.records) == 2 for group in found)


@pytest.mark.usefixtures("ray_local")
@pytest.mark.timeout(180)
def test_test_images_never_reach_the_search(tmp_path: Path, tiny: Configuration, digits: Images) -> None:
    """Two searches whose test images differ in every pixel give the same trials with the same scores."""
    import ray

    data = tiny.replace({"data.test_majority": 100, "data.test_minority": 60, "data.validation_minority": 20}).data
    base = tiny.model_copy(update={"data": data})
    seeds, pixels = (1000, 1001), np.array(digits.pixels)
    in_test = np.unique(np.concatenate([draw(data, digits, seed).test for seed in seeds]))
    used = np.concatenate(
        [np.concatenate([s.train, s.validation]) for s in (draw(data, digits, seed) for seed in seeds)]
    )
    only_test = np.setdiff1d(in_test, used)
    assert len(only_test) > 50
    pixels[only_test] = 255 - pixels[only_test]
    outcomes = []
    for name, images in (("clean", digits), ("poisoned", replace(digits, pixels=pixels))):
        storage, arms = (
            _storage(tmp_path / name),
            {"none": base, "final BN": base.replace({"network.final_norm": "batch"})},
        )
        for arm in arms:
            optuna_storage.begin(arm, storage, SPACE, ["maximize"], search_space.design(SPACE, 2))
        searches = {arm: ArmSearch(arm, storage, SPACE, ["score"], ["maximize"], 3, 0) for arm in arms}
        searcher = Arms(searches, dict.fromkeys(arms, 2))
        search = Search(arms, seeds, Store({data_key(base): ray.put(images)}), (1, 3), SCORE, latency=False)
        heard: list[int] = []
        launch.run_search(search, searcher, PerArm(searcher, "score", 3, 1, 3), 4, Resources(),
                          lambda heard=heard: heard.append(1))  # type: ignore[misc]  # fmt: skip
        assert len(heard) == 4
        found = {arm: optuna_storage.read(arm, storage) for arm in arms}
        outcomes.append({arm: [(s.values, s.state, s.scores) for s in its] for arm, its in found.items()})
    assert outcomes[0] == outcomes[1]
    assert all(state == "complete" for its in outcomes[0].values() for _, state, _ in its)


def test_a_search_is_not_gone_on_with_on_other_data(tmp_path: Path) -> None:
    storage = _storage(tmp_path)
    optuna_storage.begin("s", storage, SPACE, ["maximize"], [])
    optuna_storage.keep_data(["s"], storage, "aaaa")
    optuna_storage.keep_data(["s"], storage, "aaaa")
    with pytest.raises(ConfigurationError, match="was begun on data with fingerprint aaaa, now it is bbbb"):
        optuna_storage.keep_data(["s"], storage, "bbbb")
