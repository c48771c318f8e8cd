"""One call of `study.search`: every arm of a study is tuned on validation, then the winners run as any runs do."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from rich.console import Console

from study.evidence import SearchResult, Setting, keep_search_result, pareto_front
from study.execution import (
    CountProgress,
    Outcome,
    Settings,
    check_resources,
    cluster_nodes,
    connect,
    prepare,
    probe_nodes,
    run_search,
    run_session,
)
from study.studies import (
    OBJECTIVES,
    SEARCH_ARMS,
    Choice,
    Dimension,
    Direction,
    Study,
    Values,
    base_of_search,
    find,
    shared_design,
    space_of,
    tuned_study,
)
from study.tuning import trial_storage
from study.tuning.arm_search import Arms, ArmSearch, PerArm
from study.tuning.trial_storage import Storage
from trainables.configuration import Configuration
from trainables.errors import ConfigurationError, DataError
from trainables.evaluation import VALIDATION_F1, metric_key
from trainables.run import Trial
from trainables.storage import RunFolder
from trainables.tune import Search, Store

# of tuning seeds: the F1 that the test set measures, balanced as the papers' or as frequent as in somebody's own folder
BALANCED, NATURAL = metric_key("validation", "balanced_f1", "minority"), VALIDATION_F1
# The winners' seeds start at 0: fresh splits and weights. Where a data set has no official test set, an image that one
# seed tests may have validated another: with few rare images (digits) tuning has seen most of them in that role.
FIRST_TUNING_SEED = 1000
REDUCTION = 3  # of ASHA: a third of the trials goes on after each look


@dataclass(frozen=True)
class Asked:
    """What to search: trials per arm, tuning seeds, arms, changed dimensions, objectives."""

    trials: int
    tuning_seeds: int
    arms: tuple[str, ...]
    changed: tuple[Dimension, ...]
    objectives: tuple[str, ...]


def tune(study: Study, asked: Asked, storage: Storage, settings: Settings, console: Console) -> tuple[Study, Outcome]:
    """Tunes the arms of a study, keeps what was found in the run folder, and trains every winner.

    Returns:
        The study of the winners, and what came of their runs.

    Raises:
        StudyError: a base that cannot be tuned, data that are missing, a search begun with another space.
    """
    base = base_of_search(study)
    if not base.data.validation_minority:
        raise ConfigurationError(f"{study.name} has no validation images of the minority; a search chooses by them")
    directions = [OBJECTIVES[name][1] for name in asked.objectives]
    space = space_of(base, "latency" in asked.objectives, asked.changed)
    shared = shared_design(space, math.ceil(asked.trials / 3))
    arms = {arm: base.replace(SEARCH_ARMS[arm]) for arm in asked.arms}
    names = {arm: f"{trial_storage.PREFIX}{study.name}/{base.key}/{'+'.join(asked.objectives)}/{arm}" for arm in arms}
    fixed = {"tuning seeds": str(asked.tuning_seeds)}
    if trial_storage.is_shared(storage):  # the lease guards a run folder: two folders would end each other's trials
        fixed[trial_storage.RUN_FOLDER] = settings.runs
    counted = {arm: trial_storage.begin(names[arm], storage, space, directions, shared, fixed) for arm in arms}
    left = {arm: max(0, asked.trials - number) for arm, number in counted.items()}
    console.print(f"{study.name}: {sum(counted.values())} trials done, {sum(left.values())} to do, {len(arms)} arms")
    connect()
    wanted = [*arms.values()] * max(1, sum(left.values()) // len(arms))
    for warning in check_resources(settings.resources, wanted):
        console.print(warning)
    probe_nodes(settings.runs)
    store, fingerprint = _prepare(study, arms, space, settings, console)
    trial_storage.keep_data(names.values(), storage, fingerprint)
    if any(left.values()):
        metrics = [OBJECTIVES[name][0] for name in asked.objectives]
        epochs, seed = base.schedule.epochs, sum(counted.values())
        searches = {
            arm: ArmSearch(names[arm], storage, space, metrics, directions, epochs, seed + i, asked.trials)
            for i, arm in enumerate(arms)
        }
        _search(asked, arms, Arms(searches, left), store, settings, console)
    found = {arm: trial_storage.read(name, storage) for arm, name in names.items()}
    tried = max((its.design for each in found.values() for its in each if its.design is not None), default=-1)
    shared = shared_design(space, max(len(shared), tried + 1))  # an earlier call with more trials had a longer one
    winners = _winners(found, arms, directions)
    if not winners:
        raise DataError(f"{study.name}: no trial of any arm came to an end with a score")
    tuned = tuned_study(str(study.name_parts.tuned(len(asked.objectives))), winners)
    importances = {arm: trial_storage.importances(name, storage) for arm, name in names.items()} if _one(asked) else {}
    changes = _changes(study, base)
    keys = {arm: winner.key for arm, winner in winners.items()}
    its = SearchResult(changes, asked.objectives, asked.tuning_seeds, keys, space, shared, found, importances)
    if hidden := keep_search_result(RunFolder(settings.runs), tuned.name, base.key, its):
        console.print(f"tuned in another way before, so not in the tables any more: {', '.join(hidden)}")
    seeds = settings.num_seeds or tuned.seeds
    console.print(f"{tuned.name}: the best setting of every arm, {seeds} fresh seed{'s' if seeds > 1 else ''} each")
    outcome = run_session([tuned], settings, console)
    for arm in (arm for arm, its in found.items() if all(setting.state != "complete" for setting in its)):
        reasons = [setting.reason for setting in found[arm] if setting.reason]
        outcome.problems.append(f"{study.name}, {arm}: no trial came to an end ({reasons[-1] if reasons else 'none'})")
    return tuned, outcome


def _changes(study: Study, base: Configuration) -> dict[str, object]:
    """Returns what options changed in the base that a study declares."""
    declared = base_of_search(find([study.name])[0]).flat()
    return {field: value for field, value in base.flat().items() if declared[field] != value}


def _one(asked: Asked) -> bool:
    return len(asked.objectives) == 1


def _search(
    asked: Asked, arms: Mapping[str, Configuration], searcher: Arms, store: Store, settings: Settings, console: Console
) -> None:
    base = next(iter(arms.values()))
    epochs = base.schedule.epochs
    first = math.ceil(epochs / REDUCTION**2)
    looks = tuple(sorted({first, min(first * REDUCTION, epochs), epochs}))
    seeds = tuple(range(FIRST_TUNING_SEED, FIRST_TUNING_SEED + asked.tuning_seeds))
    score = NATURAL if isinstance(base.data.test_minority, float) else BALANCED
    search = Search(arms, seeds, store, looks if _one(asked) else (epochs,), score, "latency" in asked.objectives)
    scheduler = PerArm(searcher, "score", epochs, first, REDUCTION) if _one(asked) else None
    number = searcher.number
    with CountProgress(number, console, "trials") as progress:
        done: Callable[[], None] = progress.add
        run_search(search, searcher, scheduler, number, settings.resources, done)


def _prepare(
    study: Study, arms: Mapping[str, Configuration], space: Sequence[Dimension], settings: Settings, console: Console
) -> tuple[Store, str]:
    """Brings data, weights and features of every arm, cut and image size into the object store; says which data."""
    sizes = [d for d in space if isinstance(d, Choice) and d.field in ("network.cut", "data.image_size")]
    combinations: list[Values] = [{}]
    for dimension in sizes:
        combinations = [{**its, dimension.field: option} for its in combinations for option in dimension.options]
    trials = [Trial(study.name, arm, its.replace(c), (0,)) for arm, its in arms.items() for c in combinations]
    gpus = settings.resources.of_features(cluster_nodes())
    prepared = prepare(
        trials, settings.data_root, settings.runs, settings.weights, gpus, console.print, settings.folders, console
    )
    if prepared.problems:
        raise DataError("; ".join(dict.fromkeys(prepared.problems.values())))
    return prepared.store, " ".join(sorted(set(prepared.fingerprints.values())))


def _winners(
    found: Mapping[str, Sequence[Setting]], arms: Mapping[str, Configuration], directions: Sequence[Direction]
) -> dict[str, Configuration]:
    """Returns the best setting of every arm; of several objectives every setting on the front of all arms together."""
    winners: dict[str, Configuration] = {}
    if len(directions) == 1:
        for arm, its in found.items():
            complete = [setting for setting in its if setting.state == "complete"]
            if complete:
                winners[arm] = arms[arm].replace(max(complete, key=lambda setting: setting.scores).values)
        return winners
    best = pareto_front([setting for its in found.values() for setting in its], directions)
    for arm, its in found.items():
        for setting in (setting for setting in its if setting in best):
            point = arms[arm].replace(setting.values)
            winners[f"{arm}, {point.key[:6]}"] = point  # by key: with more trials the front has other points
    return winners
