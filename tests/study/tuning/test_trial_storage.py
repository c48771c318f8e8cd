"""What Optuna stores of a search: gone on with after a driver's death, refused where the search is another."""

from pathlib import Path

import optuna
import pytest
from optuna.trial import TrialState

from study.studies import Choice, Range
from study.tuning import trial_storage
from study.tuning.arm_search import ArmSearch
from study.tuning.space import shared_design
from trainables.common import ConfigurationError
from trainables.tune import SearchReport

SPACE = (Range("optimiser.learning_rate", 1e-4, 1e-1, log=True), Choice("schedule.batch_size", (16, 32)))


def _storage(folder: Path) -> trial_storage.Storage:
    return trial_storage.open_storage(None, str(folder))


def test_a_dead_drivers_trials_are_asked_again_and_counted_once(tmp_path: Path) -> None:
    storage, design = _storage(tmp_path), shared_design(SPACE, 3)
    trial_storage.begin("s", storage, SPACE, ["maximize"], design)
    search = ArmSearch("s", storage, SPACE, ["minority_f1"], ["maximize"], epochs=9, seed=0, trials=9)
    first_settings = [search.suggest(str(i)) for i in range(2)]
    search.on_trial_complete("0", SearchReport(9, 0.7, done=True).to_result())  # and then the driver dies
    again = _storage(tmp_path)
    assert trial_storage.begin("s", again, SPACE, ["maximize"], design) == 1
    study = optuna.load_study(study_name="s", storage=again)
    assert not study.get_trials(states=(TrialState.RUNNING,))
    search = ArmSearch("s", again, SPACE, ["minority_f1"], ["maximize"], epochs=9, seed=1, trials=9)
    following = [search.suggest(str(i)) for i in range(2)]
    assert first_settings[1] in following
    assert [search.is_of_design(str(i)) for i in range(2)] == [True, True]
    assert len(trial_storage.read("s", again)) == 1
    more = shared_design(SPACE, 5)  # a larger budget has a longer design
    for i in range(2):
        search.on_trial_complete(str(i), SearchReport(9, 0.1, done=True).to_result())
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
    here, elsewhere = {trial_storage.RUN_FOLDER: "/here"}, {trial_storage.RUN_FOLDER: "/there"}
    name = f"{trial_storage.PREFIX}s"
    trial_storage.begin(name, journal, SPACE, ["maximize"], [], here)  # as earlier versions noted it
    trial_storage.begin(name, journal, SPACE, ["maximize"], [])
    trial_storage.begin(name, database, SPACE, ["maximize"], shared_design(SPACE, 1), here)
    with pytest.raises(ConfigurationError, match="run folder: /here then, /there now"):
        trial_storage.begin(name, database, SPACE, ["maximize"], [], elsewhere)
    optuna.load_study(study_name=name, storage=database).ask()  # a trial at work
    url = f"sqlite:///{tmp_path}/trials.db"
    assert trial_storage.check_trial_storage(url, "/there", fix=True).state == "ok"
    assert trial_storage.check_trial_storage(url, "/here", fix=False).state == "failed"
    assert trial_storage.check_trial_storage(url, "/here", fix=True).state == "ok"
    trial_storage.begin(name, journal, SPACE, ["maximize"], shared_design(SPACE, 1))
    optuna.load_study(study_name=name, storage=journal).ask()
    assert (
        trial_storage.check_trial_storage(None, str(tmp_path), fix=False).state == "failed"
    )  # moved here, begun in /here


def test_a_database_that_cannot_be_written_is_one_line(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/trials.db"
    trial_storage.open_storage(url, "")
    storage = trial_storage.open_storage(f"sqlite:///file:{tmp_path}/trials.db?mode=ro&uri=true", "")
    with pytest.raises(ConfigurationError, match=r"--storage: .*readonly"), trial_storage.database_errors(url):
        trial_storage.begin("s", storage, SPACE, ["maximize"], [])
