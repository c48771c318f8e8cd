"""What is declared, before anything ran: the studies there are, and the trials that a plan would run. Pure."""

from collections.abc import Callable, Iterable, Sequence
from itertools import groupby

from rich.table import Table

from study.reporting.tables.cells import make_table
from study.studies import UNNAMED, Study, in_words
from trainables.configuration import Trial

SPACIOUS = 110  # characters from which a list of studies has room for what papers call them


def list_table(studies: Iterable[Study], is_available: Callable[[str], bool], width: int) -> Table:
    """Returns one row per study: how many runs it has, how long they take here, which data it needs, what it asks.

    Args:
        studies: as declared.
        is_available: whether the data of a source are at hand.
        width: of the screen, in characters; a narrow one does without the papers' names and the number of arms.
    """
    short = ["study", "runs", "about", "data", "what"]
    columns = ["study", "source", "arms", "runs", "about", "data", "what"] if width >= SPACIOUS else short
    table = make_table(
        "", columns, text=("study", "source", "data", "what"), unbroken=("study", "arms", "runs", "about")
    )
    table.title = None
    table.columns[columns.index("data")].max_width = len("plantvillage,")
    for study in studies:
        num_runs = len(study.arms) * study.seeds
        cells = {
            "study": study.name,
            "source": study.source,
            "arms": str(len(study.arms)),
            "runs": str(num_runs),
            "about": _time(study, num_runs),
            "data": _data(study, is_available),
            "what": study.title,
        }
        table.add_row(*(cells[column] for column in columns))
    table.caption, table.caption_justify = "about: on all cores of this machine; ?: not measured without a GPU", "left"
    return table


def _time(study: Study, num_runs: int) -> str:
    """Returns "12 min", "< 1 min", or "?" where nothing was measured."""
    if study.seconds_per_run is None:
        return "?"
    return in_words(study.seconds_on(num_runs)).removeprefix("about ").replace("under a minute", "< 1 min")


def _data(study: Study, is_available: Callable[[str], bool]) -> str:
    """Returns "digits, plantvillage (missing)": kinds of data, and which of them are not at hand in whole."""
    sources = dict.fromkeys(arm.configuration.data.source for arm in study.arms)
    if list(sources) == [UNNAMED]:
        return "your folder"
    is_whole: dict[str, bool] = {}
    for source in sources:
        kind = source.partition(":")[0]
        is_whole[kind] = is_whole.get(kind, True) and is_available(source)
    return ", ".join(kind if whole else f"{kind} (missing)" for kind, whole in is_whole.items())


def trials_table(trials: Iterable[Trial]) -> Table:
    """Returns one row per trial: study, key, seeds and arm."""
    columns = ("study", "key", "seeds", "arm")
    table = make_table("", columns, text=columns, unbroken=("study", "key"))
    table.title = None
    for trial in trials:
        table.add_row(trial.study, trial.configuration.key, spans(trial.seeds), trial.arm)
    return table


def spans(numbers: Sequence[int]) -> str:
    """Returns whole numbers in order, those that follow one another as a span: "0-9, 12"."""
    runs = [list(run) for _, run in groupby(enumerate(sorted(numbers)), lambda item: item[1] - item[0])]
    bounds = [(run[0][1], run[-1][1]) for run in runs]
    return ", ".join(str(first) if first == last else f"{first}-{last}" for first, last in bounds)
