"""One call of `study.search`: every arm of a study is tuned on validation, then the winners run as any runs do."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from rich.console import Console

from study.evidence import SearchResult, Setting, keep_search_result
from study.execution import (
    CountProgress,
    Outcome,
    Settings,
    check_resources,
    cluster_nodes,
    connect,
    prepare_trials,
    probe_nodes,
    run_search,
    run_session,
)
from study.studies import (
    OBJECTIVES,
    Choice,
    Dimension,
    Direction,
    Study,
    Values,
    base_of_search,
    find,
    search_arms,
    space_of,
    tuned_study,
)
from study.tuning import trial_storage
from study.tuning.arm_search import Arms, ArmSearch, PerArm
from study.tuning.space import shared_design
from study.tuning.trial_storage import Storage
from study.tuning.winners import winners_of
from trainables.common import ConfigurationError, DataError
from trainables.configuration import FOLDER, Configuration, Trial, own_functions
from trainables.evaluation import VALIDATION_F1, metric_key
from trainables.storage import RunFolder
from trainables.tune import Search, Store

# of tuning seeds: the F1 that the test set measures, balanced as the papers' or as frequent as in somebody's own folder
BALANCED, NATURAL = metric_key("validation", "balanced_f1", "minority"), VALIDATION_F1
# The winners' seeds start at 0: fresh splits and weights. Where a data set has no official test set, an image that one
# seed tests may have validated another: with few rare images (digits) tuning has seen most of them in that role.
FIRST_TUNING_SEED = 1000
REDUCTION = 3  # of ASHA: a third of the trials goes on after each look


@dataclass(frozen=True)
class SearchPlan:
    """What to search.

    Attributes:
        trials: of each arm, with those that an earlier call of the same search did.
        tuning_seeds: how many; a trial's score is the mean over them.
        arms: names of `search_arms`.
        changed: dimensions in the place of the usual ones or besides them.
        objectives: names of OBJECTIVES, one or two.
    """

    trials: int
    tuning_seeds: int
    arms: tuple[str, ...]
    changed: tuple[Dimension, ...]
    objectives: tuple[str, ...]

    @property
    def has_one_objective(self) -> bool:
        """Whether arms have a best setting; else the search ends with a Pareto front."""
        return len(self.objectives) == 1

    @property
    def measures_latency(self) -> bool:
        """Whether latency is an objective."""
        return "latency" in self.objectives


def tune_arms(
    study: Study, plan: SearchPlan, storage: Storage, settings: Settings, console: Console
) -> tuple[Study, Outcome]:
    """Tunes the arms of a study, keeps what the search found in the run folder, and trains every winner.

    Returns:
        The study of the winners, and what came of their runs.

    Raises:
        StudyError: a base that cannot be tuned, data that are missing, a search begun with another space.
    """
    base = base_of_search(study)
    if not base.data.validation_minority:
        raise ConfigurationError(f"{study.name} has no validation images of the minority; a search chooses by them")
    arms = {arm: base.replace(search_arms()[arm]) for arm in plan.arms}
    space = space_of(base, plan.measures_latency, plan.changed)
    design = shared_design(space, math.ceil(plan.trials / 3))
    search_names = {
        arm: f"{trial_storage.PREFIX}{study.name}/{base.key}/{'+'.join(plan.objectives)}/{arm}" for arm in arms
    }
    _search(study, plan, arms, search_names, space, design, storage, settings, console)
    settings_of_arm = {arm: trial_storage.read(name, storage) for arm, name in search_names.items()}
    winners = winners_of(settings_of_arm, arms, _directions(plan))
    if not winners:
        raise DataError(f"{study.name}: no trial of any arm came to an end with a score")
    tuned = tuned_study(str(study.name_parts.tuned(len(plan.objectives))), winners)
    importances = {}
    if plan.has_one_objective:
        importances = {arm: trial_storage.importances(name, storage) for arm, name in search_names.items()}
    result = SearchResult(
        changes=_changes(study, base),
        objectives=plan.objectives,
        tuning_seeds=plan.tuning_seeds,
        winners={arm: winner.key for arm, winner in winners.items()},
        space=space,
        design=shared_design(space, max(len(design), _length_of_design(settings_of_arm))),
        settings=settings_of_arm,
        importances=importances,
    )
    if hidden := keep_search_result(RunFolder(settings.runs), tuned.name, base.key, result):
        console.print(f"tuned in another way before, so not in the tables any more: {', '.join(hidden)}")
    seeds = settings.num_seeds or tuned.seeds
    console.print(f"{tuned.name}: the best setting of every arm, {seeds} fresh seed{'s' if seeds > 1 else ''} each")
    outcome = run_session([tuned], settings, console)
    for arm, tried in settings_of_arm.items():
        if all(setting.state != "complete" for setting in tried):
            reasons = [setting.reason for setting in tried if setting.reason]
            last_reason = reasons[-1] if reasons else "none"
            outcome.problems.append(f"{study.name}, {arm}: no trial came to an end ({last_reason})")
    return tuned, outcome


def _directions(plan: SearchPlan) -> list[Direction]:
    return [OBJECTIVES[name] for name in plan.objectives]


def _length_of_design(settings_of_arm: Mapping[str, Sequence[Setting]]) -> int:
    """Returns how many shared settings were tried: an earlier call with more trials had a longer design."""
    numbers = (setting.design for settings in settings_of_arm.values() for setting in settings)
    return 1 + max((number for number in numbers if number is not None), default=-1)


def _changes(study: Study, base: Configuration) -> dict[str, object]:
    """Returns what options changed in the base that a study declares."""
    declared = base_of_search(find([study.name])[0]).flat()
    return {field: value for field, value in base.flat().items() if declared[field] != value}


def _search(
    study: Study,
    plan: SearchPlan,
    arms: Mapping[str, Configuration],
    search_names: Mapping[str, str],
    space: Sequence[Dimension],
    design: Sequence[Values],
    storage: Storage,
    settings: Settings,
    console: Console,
) -> None:
    """Runs the trials that the arms do not have yet; their outcomes are in the storage then."""
    fixed = {"tuning seeds": str(plan.tuning_seeds)}
    if trial_storage.is_shared(storage):  # the lease guards a run folder: two folders would end each other's trials
        fixed[trial_storage.RUN_FOLDER] = settings.runs
    directions = _directions(plan)
    counts = {
        arm: trial_storage.begin(name, storage, space, directions, design, fixed) for arm, name in search_names.items()
    }
    remaining = {arm: max(0, plan.trials - count) for arm, count in counts.items()}
    num_done, num_left = sum(counts.values()), sum(remaining.values())
    console.print(f"{study.name}: {num_done} trials done, {num_left} to do, {len(arms)} arms")
    connect(own_functions=[name for base in arms.values() for name in own_functions(base)])
    trials_at_once = [*arms.values()] * max(1, num_left // len(arms))
    for warning in check_resources(settings.resources, trials_at_once):
        console.print(warning)
    probe_nodes(settings.runs)
    store, fingerprint = _prepare(study, arms, _seeds(plan), space, settings, console)
    trial_storage.keep_data(search_names.values(), storage, fingerprint)
    if not num_left:
        return
    epochs = next(iter(arms.values())).schedule.epochs
    searches = {
        arm: ArmSearch(name, storage, space, plan.objectives, directions, epochs, num_done + i, plan.trials)
        for i, (arm, name) in enumerate(search_names.items())
    }
    _run_trials(plan, arms, Arms(searches, remaining), store, settings, console)


def _run_trials(
    plan: SearchPlan,
    arms: Mapping[str, Configuration],
    searcher: Arms,
    store: Store,
    settings: Settings,
    console: Console,
) -> None:
    base = next(iter(arms.values()))
    epochs = base.schedule.epochs
    first_look = math.ceil(epochs / REDUCTION**2)
    looks: tuple[int, ...] = (epochs,)
    scheduler = None
    if plan.has_one_objective:
        looks = tuple(sorted({first_look, min(first_look * REDUCTION, epochs), epochs}))
        scheduler = PerArm(searcher, plan.objectives[0], epochs, first_look, REDUCTION)
    search = Search(
        arms=arms,
        seeds=_seeds(plan),
        store=store,
        report_after=looks,
        metric=NATURAL if isinstance(base.data.test_minority, float) else BALANCED,
        latency=plan.measures_latency,
    )
    with CountProgress(searcher.num_trials, console, "tuning, trials") as progress:
        run_search(
            search, searcher, scheduler, searcher.num_trials, settings.resources, progress.add, settings.stall_timeout
        )


def _seeds(plan: SearchPlan) -> tuple[int, ...]:
    return tuple(range(FIRST_TUNING_SEED, FIRST_TUNING_SEED + plan.tuning_seeds))


def _prepare(
    study: Study,
    arms: Mapping[str, Configuration],
    seeds: tuple[int, ...],
    space: Sequence[Dimension],
    settings: Settings,
    console: Console,
) -> tuple[Store, str]:
    """Brings data, weights and features of every arm, cut and image size into the object store.

    Returns:
        The store, and the fingerprints of the data; a folder's source is one itself.
    """
    combinations: list[Values] = [{}]
    for dimension in space:
        if isinstance(dimension, Choice) and dimension.field in ("network.cut", "data.image_size"):
            combinations = [
                {**values, dimension.field: option} for values in combinations for option in dimension.options
            ]
    trials = [
        Trial(study.name, arm, configuration.replace(values), seeds)
        for arm, configuration in arms.items()
        for values in combinations
    ]
    gpus = settings.resources.of_features(cluster_nodes())
    prepared = prepare_trials(
        trials, settings.data_root, settings.runs, settings.weights, gpus, console.print, settings.folders, console
    )
    if prepared.problems:
        raise DataError("; ".join(dict.fromkeys(prepared.problems.values())))
    named_by_content = (key for key in prepared.fingerprints if key[0].startswith(FOLDER))
    fingerprints = prepared.fingerprints | {key: key[0] for key in named_by_content}
    return prepared.store, " ".join(sorted(set(fingerprints.values())))
