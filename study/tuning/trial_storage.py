"""What Optuna stores of a search, one Optuna study per arm: begun, gone on with, read."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import optuna
from optuna.exceptions import StorageInternalError
from optuna.storages import BaseStorage, JournalStorage, RDBStorage
from optuna.storages.journal import JournalFileBackend
from optuna.trial import FrozenTrial, TrialState
from sqlalchemy.exc import SQLAlchemyError

from study import locations
from study.evidence import Setting, State
from study.studies import Dimension, Direction, Values
from study.tuning.space import space_as_text, space_differences
from trainables.common import GIB, ConfigurationError, Finding, check_regular, first_line
from trainables.configuration import FOLDER

# attributes that Optuna keeps
DESIGN, LOST, REASON = "design", "lost with its driver", "reason"  # of a trial
SPACE, DATA = "space", "data"  # of a study
RUN_FOLDER = "run folder"  # an entry of SPACE, where the storage is not the run folder's own
PREFIX = "final-bn/"  # of the names of this project's studies in a storage that others use too
LARGEST_JOURNAL = 4 * GIB
ENOUGH = 5  # different scores, for importances to mean anything
Storage = BaseStorage

optuna.logging.set_verbosity(optuna.logging.ERROR)


def open_storage(url: str | None, runs: str) -> Storage:
    """Returns the storage of all searches: a database URL's, else a journal file in the run folder; or raises."""
    if url is None:
        if locations.is_remote(runs):
            raise ConfigurationError(f"a search needs --storage URL, as the run folder {runs} is remote")
        journal = Path(runs, "search", "journal.log")
        try:
            journal.parent.mkdir(parents=True, exist_ok=True)
            if journal.exists():
                check_regular(journal, LARGEST_JOURNAL)
            return JournalStorage(JournalFileBackend(str(journal)))
        except OSError as error:
            raise ConfigurationError(f"search storage {journal}: {error.strerror or error}") from error
        except Exception as error:  # Optuna reads all of it now, and raises what a damaged line leads it to
            reason = f"{type(error).__name__}: {first_line(error)}"
            raise ConfigurationError(
                f"search storage {journal}: damaged ({reason}); move it away to search anew, its runs stay"
            ) from error
    try:
        return RDBStorage(url)
    except Exception as error:  # SQLAlchemy and drivers raise what they like; a URL may hold a password
        raise ConfigurationError(f"--storage: {type(error).__name__}, no database that can be reached there") from None


@contextmanager
def database_errors(url: str | None) -> Iterator[None]:
    """Turns what a database raises, because it is read-only or has gone away, into a ConfigurationError of one line."""
    try:
        yield
    except (SQLAlchemyError, StorageInternalError) as error:
        cause = getattr(error, "orig", None) or getattr(error.__cause__, "orig", None)
        raise ConfigurationError(f"{'--storage' if url else 'search storage'}: {first_line(cause or error)}") from None


def is_shared(storage: Storage) -> bool:
    """Whether a storage is a database, that searches of several run folders may use."""
    return not isinstance(storage, JournalStorage)


def check_trial_storage(url: str | None, runs: str, fix: bool) -> Finding:
    """Returns whether the storage of searches can be reached and no trial was left RUNNING; `fix` asks those again."""
    if url is None and not Path(runs, "search", "journal.log").exists():
        return Finding("searches", "not applicable", f"none in {runs}")
    try:
        storage = open_storage(url, runs)
    except ConfigurationError as error:
        return Finding("searches", "failed", str(error))
    try:
        with database_errors(url):
            names = [name for name in optuna.get_all_study_names(storage) if name.startswith(PREFIX)]
            studies = [optuna.load_study(study_name=name, storage=storage) for name in names]
            if is_shared(storage):
                studies = [study for study in studies if study.user_attrs.get(SPACE, {}).get(RUN_FOLDER, runs) == runs]
            num_running = sum(_end_running(study, fix) for study in studies)
    except ConfigurationError as error:
        return Finding("searches", "failed", str(error))
    if num_running and not fix:
        advice = "if no search is at work, --fix asks them again"
        return Finding("searches", "failed", f"{num_running} trials RUNNING; {advice}")
    return Finding("searches", "ok", f"{len(studies)} arms, {num_running} RUNNING trials put back")


def _end_running(study: optuna.Study, end: bool = True) -> int:
    """Tells trials that a dead driver left RUNNING as failed and asks them again; returns how many there were."""
    running = study.get_trials(deepcopy=False, states=(TrialState.RUNNING,))
    for trial in running if end else ():
        if trial.params and DESIGN not in trial.user_attrs:  # `begin` puts those of the design back
            study.enqueue_trial(trial.params)
        study._storage.set_trial_user_attr(trial._trial_id, LOST, True)
        study.tell(trial.number, state=TrialState.FAIL)
    return len(running)


def begin(
    name: str,
    storage: Storage,
    space: Sequence[Dimension],
    directions: Sequence[Direction],
    design: Sequence[Values],
    fixed: Mapping[str, str] | None = None,
) -> int:
    """Prepares an arm's Optuna study for (more) trials and returns how many finished ones it has that count.

    Trials that a dead driver left running are told as failed, do not count and are asked again.

    Args:
        name: of the Optuna study.
        storage: where it is, or is made.
        space: what is varied.
        directions: one an objective.
        design: the settings that all arms share; those that no trial has yet are tried first.
        fixed: name -> text of what, besides the space, may not change either.

    Raises:
        ConfigurationError: something differs from what the study was begun with; says what.
    """
    study = optuna.create_study(storage=storage, study_name=name, directions=list(directions), load_if_exists=True)
    space_now = space_as_text(space) | dict(fixed or {})
    space_then = dict(study.user_attrs.get(SPACE, space_now))
    if RUN_FOLDER not in space_now:
        space_then.pop(RUN_FOLDER, None)  # a journal goes where its run folder goes
    differences = space_differences(space_then, space_now)
    if len(study.directions) != len(directions):
        differences.append(f"{len(study.directions)} objectives then, {len(directions)} now")
    if differences:
        raise ConfigurationError(f"search {name} was begun with another space: {'; '.join(differences)}")
    study.set_user_attr(SPACE, space_now)
    _end_running(study)
    trials = [trial for trial in study.get_trials(deepcopy=False) if LOST not in trial.user_attrs]
    tried_of_design = {trial.user_attrs.get(DESIGN) for trial in trials}
    for number, values in enumerate(design):
        if number not in tried_of_design:
            study.enqueue_trial(values, user_attrs={DESIGN: number})
    return sum(trial.state.is_finished() for trial in trials)


def keep_data(names: Iterable[str], storage: Storage, fingerprint: str) -> None:
    """Stores which data the arms are tuned on; raises ConfigurationError where a search was begun on others."""
    for name in names:
        study = optuna.load_study(study_name=name, storage=storage)
        fingerprint_then = study.user_attrs.get(DATA, fingerprint)
        of_version_1 = fingerprint.startswith(FOLDER) and not fingerprint_then.startswith(FOLDER)  # of its pixels
        if fingerprint_then != fingerprint and not of_version_1:
            raise ConfigurationError(
                f"search {name} was begun on data with fingerprint {fingerprint_then}, now it is {fingerprint}; use "
                "that data again, or another --runs or --storage"
            )
        study.set_user_attr(DATA, fingerprint)


def read(name: str, storage: Storage) -> list[Setting]:
    """Returns the finished trials of an arm in the order they were begun, without those lost with a driver."""
    study = optuna.load_study(study_name=name, storage=storage)
    trials = study.get_trials(deepcopy=False)
    return [_setting(trial) for trial in trials if trial.state.is_finished() and LOST not in trial.user_attrs]


def importances(name: str, storage: Storage) -> dict[str, float]:
    """Returns {field: share of the score's variance it explains} (PED-ANOVA); {} with too few different scores."""
    study = optuna.load_study(study_name=name, storage=storage)
    complete = study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))
    if len({trial.value for trial in complete}) < ENOUGH:
        return {}
    return optuna.importance.get_param_importances(study, evaluator=optuna.importance.PedAnovaImportanceEvaluator())


def _setting(trial: FrozenTrial) -> Setting:
    states: dict[TrialState, State] = {TrialState.COMPLETE: "complete", TrialState.PRUNED: "pruned"}
    state = states.get(trial.state, "failed")
    scores = tuple(trial.values or ()) if state == "complete" else ()
    return Setting(trial.params, trial.user_attrs.get(DESIGN), state, scores, trial.user_attrs.get(REASON, ""))
