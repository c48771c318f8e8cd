"""Field names as people write them, and what is wrong with a value in one line."""

from difflib import get_close_matches

from pydantic import ValidationError

from trainables.common import ConfigurationError
from trainables.configuration.sections import SECTIONS

FIELDS = tuple(f"{section}.{field}" for section, kind in SECTIONS.items() for field in kind.model_fields)


def resolve_field(name: str) -> str:
    """Returns the full name of a field: "learning_rate" -> "optimiser.learning_rate".

    Raises:
        ConfigurationError: no such field, or a short name that several sections have.
    """
    if name in FIELDS:
        return name
    matches = [field for field in FIELDS if field.split(".")[1] == name]
    if len(matches) == 1:
        return matches[0]
    if matches:
        raise ConfigurationError(f"field {name!r} is ambiguous: {', '.join(matches)}")
    near = near_field(name)
    hint = f" (did you mean {near}?)" if near else ""
    raise ConfigurationError(f"unknown field {name!r}{hint}; allowed: {', '.join(FIELDS)}")


def near_field(name: str) -> str | None:
    """Returns the field that a misspelt or abbreviated name stands for, "optimiser.learning_rate" for "lr"; or None."""
    short = name.rpartition(".")[2]
    initials = [field for field in FIELDS if "".join(word[0] for word in field.split(".")[1].split("_")) == short]
    if len(short) > 1 and len(initials) == 1:
        return initials[0]
    of_short_name = {field.split(".")[1]: field for field in reversed(FIELDS)}
    near = get_close_matches(name, [*FIELDS, *of_short_name], n=1) or get_close_matches(short, of_short_name, n=1)
    return of_short_name.get(near[0], near[0]) if near else None


def explain(error: ValidationError) -> str:
    """Returns one line for pydantic's report: field, what was got, what is allowed."""
    lines = []
    for item in error.errors():
        message = item["msg"].removeprefix("Value error, ")
        got = "" if item["type"] == "value_error" else f": got {item['input']!r}"
        lines.append(f"{'.'.join(map(str, item['loc']))}{got}: {message}".removeprefix(": "))
    return "; ".join(lines)
