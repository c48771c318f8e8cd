"""Optuna and Tune: every arm's Optuna study is asked in turn, and told how Tune's trials ended."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution
from optuna.samplers import BaseSampler, NSGAIISampler, TPESampler
from optuna.storages import BaseStorage
from optuna.trial import TrialState
from ray.tune.schedulers import ASHAScheduler, FIFOScheduler, TrialScheduler
from ray.tune.search import Searcher
from ray.tune.search.optuna import OptunaSearch

from study.studies import Choice, Dimension, Direction
from study.tuning.trial_storage import DESIGN, REASON
from trainables.tune import ARM, EPOCH, SearchReport

FEWEST_OF_A_GENERATION = 4  # settings, to have parents to cross


class ArmSearch(OptunaSearch):  # type: ignore[misc]
    """One arm's suggestions; a trial that ended early is told as pruned, one without a score as failed."""

    def __init__(
        self,
        name: str,
        storage: BaseStorage,
        space: Sequence[Dimension],
        objectives: Sequence[str],
        directions: Sequence[Direction],
        epochs: int,
        seed: int,
        trials: int,
    ) -> None:
        """Loads the Optuna study that `trial_storage.begin` prepared.

        Args:
            name: of the Optuna study.
            storage: where it is.
            space: what is varied.
            objectives: one or two, by their names in a SearchReport.
            directions: which way each is better.
            epochs: a trial with fewer was stopped early.
            seed: of the sampler.
            trials: of this arm in all.
        """
        modes = ["max" if direction == "maximize" else "min" for direction in directions]
        has_one_objective = len(objectives) == 1
        sampler: BaseSampler = TPESampler(seed=seed)
        if not has_one_objective:  # the shared design is the first generation, and two more come of it
            sampler = NSGAIISampler(seed=seed, population_size=max(FEWEST_OF_A_GENERATION, math.ceil(trials / 3)))
        super().__init__(
            {dimension.field: _distribution(dimension) for dimension in space},
            metric=objectives[0] if has_one_objective else list(objectives),
            mode=modes[0] if has_one_objective else modes,
            sampler=sampler,
            study_name=name,
            storage=storage,
        )
        self._objectives, self._epochs = list(objectives), epochs

    def suggest(self, trial_id: str) -> dict[str, Any]:
        """Returns the values of the next trial, flat."""
        if trial_id not in self._ot_trials:
            self._ot_trials[trial_id] = self._ot_study.ask(fixed_distributions=self._space)
        return dict(self._ot_trials[trial_id].params)

    def is_of_design(self, trial_id: str) -> bool:
        """Whether a trial is a setting that all arms share: those are never stopped early."""
        return DESIGN in self._ot_trials[trial_id].user_attrs

    def on_trial_result(self, trial_id: str, result: dict[str, Any]) -> None:
        """Reports a score on the way."""
        report = SearchReport.from_result(result)
        value = report.objective(self._objectives[0])
        if len(self._objectives) == 1 and math.isfinite(value):
            self._ot_trials[trial_id].report(value, report.epoch)

    def on_trial_complete(self, trial_id: str, result: dict[str, Any] | None = None, error: bool = False) -> None:
        """Tells the outcome: complete, pruned (stopped before the last epoch), or failed."""
        trial = self._ot_trials[trial_id]
        report = SearchReport.failed(0, "") if error or not result else SearchReport.from_result(result)
        values = [report.objective(name) for name in self._objectives]
        if not all(map(math.isfinite, values)):
            trial.set_user_attr(REASON, report.reason or "its process was lost")
            self._ot_study.tell(trial, state=TrialState.FAIL)
        elif report.epoch < self._epochs:
            self._ot_study.tell(trial, state=TrialState.PRUNED)
        else:
            self._ot_study.tell(trial, values)


class Arms(Searcher):  # type: ignore[misc]
    """Asks the arm that has most trials left, so that all go forward together."""

    def __init__(self, arms: Mapping[str, ArmSearch], remaining: Mapping[str, int]) -> None:
        """Takes {arm: its search} and {arm: how many trials it is still to have}."""
        super().__init__(metric=EPOCH, mode="max")  # not used: each arm has its own
        self._arms, self._remaining = dict(arms), dict(remaining)
        self._arm_of_trial: dict[str, str] = {}
        self.num_trials = sum(remaining.values())

    def __getstate__(self) -> dict[str, Any]:
        """Nothing of it goes into Tune's tuner.pkl: a storage's URL may hold a password."""
        return {}

    def suggest(self, trial_id: str) -> dict[str, Any] | str:
        """Returns the next trial's values and arm, FINISHED when all have had theirs."""
        arm = max(self._remaining, key=lambda name: self._remaining[name])
        if not self._remaining[arm]:
            return str(Searcher.FINISHED)
        self._remaining[arm] -= 1
        self._arm_of_trial[trial_id] = arm
        return {ARM: arm, **self._arms[arm].suggest(trial_id)}

    def of(self, trial_id: str) -> ArmSearch:
        """Returns the arm's search that a trial belongs to."""
        return self._arms[self._arm_of_trial[trial_id]]

    def on_trial_result(self, trial_id: str, result: dict[str, Any]) -> None:
        """Passes it on to the arm."""
        self.of(trial_id).on_trial_result(trial_id, result)

    def on_trial_complete(self, trial_id: str, result: dict[str, Any] | None = None, error: bool = False) -> None:
        """Passes it on to the arm."""
        self.of(trial_id).on_trial_complete(trial_id, result, error)

    def save(self, checkpoint_path: str) -> None:
        """Writes nothing: Optuna's storage holds everything."""

    def restore(self, checkpoint_path: str) -> None:
        """Does nothing, as nothing is saved."""


class PerArm(FIFOScheduler):  # type: ignore[misc]
    """ASHA (arXiv:1810.05934) within each arm, so that a weak arm is not starved by a strong one."""

    def __init__(self, arms: Arms, metric: str, epochs: int, first_look: int, factor: int) -> None:
        """Stops all but one in `factor` of an arm's trials at each look; the first look is after so many epochs."""
        super().__init__()
        self._arms, self._metric_name = arms, metric
        self._asha_settings = {"max_t": epochs, "grace_period": first_look, "reduction_factor": factor}
        self._scheduler_of_arm: dict[str, ASHAScheduler] = {}

    def __getstate__(self) -> dict[str, Any]:
        """Nothing of it goes into Tune's tuner.pkl."""
        return {}

    def _scheduler_of(self, trial: Any) -> ASHAScheduler:
        arm = trial.config[ARM]
        if arm not in self._scheduler_of_arm:
            self._scheduler_of_arm[arm] = ASHAScheduler(
                time_attr=EPOCH, metric=self._metric_name, mode="max", **self._asha_settings
            )
        return self._scheduler_of_arm[arm]

    def on_trial_add(self, tune_controller: Any, trial: Any) -> None:
        """A trial begins."""
        self._scheduler_of(trial).on_trial_add(tune_controller, trial)

    def on_trial_result(self, tune_controller: Any, trial: Any, result: dict[str, Any]) -> str:
        """Says whether a trial goes on."""
        action = self._scheduler_of(trial).on_trial_result(tune_controller, trial, result)
        is_shared = self._arms.of(trial.trial_id).is_of_design(trial.trial_id)
        return str(TrialScheduler.CONTINUE if is_shared else action)

    def on_trial_complete(self, tune_controller: Any, trial: Any, result: dict[str, Any]) -> None:
        """A trial has ended."""
        self._scheduler_of(trial).on_trial_complete(tune_controller, trial, result)

    def on_trial_remove(self, tune_controller: Any, trial: Any) -> None:
        """A trial is taken away."""
        self._scheduler_of(trial).on_trial_remove(tune_controller, trial)


def _distribution(dimension: Dimension) -> BaseDistribution:
    if isinstance(dimension, Choice):
        return CategoricalDistribution(dimension.options)
    return FloatDistribution(dimension.low, dimension.high, log=dimension.log)
