"""The space of a search: parsed from the command line, its shared first settings, its text beside a stored search."""

from collections.abc import Mapping, Sequence

from study.studies import NUISANCES, TELLS_ARMS_APART, Choice, Dimension, Range, Values
from trainables.common import ConfigurationError
from trainables.configuration import Configuration, resolve_field

MOST_OPTIONS = 100  # values of a dimension that are listed; data and features are prepared for each image size


def parse_dimension(name: str, text: str, base: Configuration) -> Dimension:
    """Returns the dimension of FIELD=LOW..HIGH or FIELD=A,B around a base; a usual dimension keeps its logarithm.

    Raises:
        ConfigurationError: no such field, an empty range, a value that the field does not allow.
    """
    field = resolve_field(name)
    if field == "schedule.epochs" or (field.startswith("data.") and field != "data.image_size"):
        raise ConfigurationError(f"--space {field}: what is learnt and for how long is the study's; use --set")
    if field in TELLS_ARMS_APART:
        raise ConfigurationError(f"--space {field}: it tells arms apart and is not searched; --arm chooses among them")
    usual = next((dimension for dimension in NUISANCES if dimension.field == field), None)
    if ".." not in text:
        if text.count(",") >= MOST_OPTIONS:
            number = text.count(",") + 1
            raise ConfigurationError(f"--space {field}: got {number} values; at most {MOST_OPTIONS} are allowed")
        options = tuple(base.replace({field: value}).flat()[field] for value in text.split(","))
        if len(set(options)) < len(options):
            raise ConfigurationError(f"--space {field}: got {text!r}; each value once")
        return Choice(field, options)
    try:
        low, high = map(float, text.split("..", 1))
    except ValueError:
        raise ConfigurationError(f"--space {field}: got {text!r}; allowed: LOW..HIGH or A,B,C") from None
    log = isinstance(usual, Range) and usual.log
    if not low < high or (log and low <= 0):
        allowed = "0 < LOW < HIGH" if log else "LOW < HIGH"
        raise ConfigurationError(f"--space {field}: got {text!r}, an empty range; allowed: {allowed}")
    if isinstance(base.flat()[field], int) or field == "data.image_size":
        raise ConfigurationError(f"--space {field}: got {text!r}; a whole number is listed: A,B,C")
    for bound in (low, high):
        base.replace({field: bound})
    return Range(field, low, high, log)


def shared_design(space: Sequence[Dimension], number: int) -> list[Values]:
    """Returns the first settings of a quasi-random sequence (Halton): the same for every arm, more begin with fewer."""
    from scipy.stats import qmc  # takes a second to import, which no --help needs

    shares = qmc.Halton(len(space), scramble=True, rng=0).random(number) if number else []  # (number, dimensions)
    return [
        {dimension.field: dimension.at(float(share)) for dimension, share in zip(space, row, strict=True)}
        for row in shares
    ]


def space_as_text(space: Sequence[Dimension]) -> dict[str, str]:
    """Returns {field: description}: what is stored with a search, so that it is not resumed with another space."""
    return {dimension.field: repr(dimension) for dimension in space}


def space_differences(stored: Mapping[str, str], now: Mapping[str, str]) -> list[str]:
    """Returns in which fields a stored space and the one of now differ, a line each."""
    return [
        f"{field}: {stored.get(field, 'not varied')} then, {now.get(field, 'not varied')} now"
        for field in sorted(stored.keys() | now.keys())
        if stored.get(field) != now.get(field)
    ]
