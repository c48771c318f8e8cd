"""How a trial's outcome is told to Optuna."""

from pathlib import Path

import optuna
from optuna.trial import TrialState

from study.studies import Choice, Range
from study.tuning import trial_storage
from study.tuning.arm_search import ArmSearch
from study.tuning.space import shared_design
from trainables.tune import SearchReport

SPACE = (Range("optimiser.learning_rate", 1e-4, 1e-1, log=True), Choice("schedule.batch_size", (16, 32)))


def test_outcomes_are_told_as_they_are(tmp_path: Path) -> None:
    storage = trial_storage.open_storage(None, str(tmp_path))
    design = shared_design(SPACE, 2)
    assert trial_storage.begin("s", storage, SPACE, ["maximize"], design) == 0
    search = ArmSearch("s", storage, SPACE, ["minority_f1"], ["maximize"], epochs=9, seed=0, trials=9)
    for i in range(5):
        assert search.suggest(str(i)).keys() == {"optimiser.learning_rate", "schedule.batch_size"}
    assert [search.is_of_design(str(i)) for i in range(5)] == [True, True, False, False, False]
    search.on_trial_result("0", SearchReport(3, 0.5).to_result())
    search.on_trial_complete("0", SearchReport(9, 0.7, done=True).to_result())
    search.on_trial_complete("1", SearchReport(3, 0.9).to_result())  # stopped early
    search.on_trial_complete("2", SearchReport.failed(1, "loss is nan").to_result())
    search.on_trial_complete("3", None, error=True)
    settings = trial_storage.read("s", storage)
    assert [s.state for s in settings] == ["complete", "pruned", "failed", "failed"]
    assert [s.design for s in settings] == [0, 1, None, None]
    assert (settings[0].scores, settings[2].reason, settings[3].reason) == (
        (0.7,),
        "loss is nan",
        "its process was lost",
    )
    study = optuna.load_study(study_name="s", storage=storage)
    assert [t.state for t in study.get_trials(states=(TrialState.RUNNING,))] == [TrialState.RUNNING]  # the fifth
