"""Field names as people write them, and what is wrong with a value in one line."""

from difflib import get_close_matches

from pydantic import ValidationError

from trainables.configuration.sections import SECTIONS
from trainables.errors import ConfigurationError

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
    near = get_close_matches(name, [*FIELDS, *(field.split(".")[1] for field in FIELDS)], n=1)
    hint = f" (did you mean {near[0]}?)" if near else ""
    raise ConfigurationError(f"unknown field {name!r}{hint}; allowed: {', '.join(FIELDS)}")


def explain(error: ValidationError) -> str:
    """Returns one line for pydantic's report: field, what was got, what is allowed."""
    lines = []
    for item in error.errors():
        message = item["msg"].removeprefix("Value error, ")
        got = "" if item["type"] == "value_error" else f": got {item['input']!r}"
        lines.append(f"{'.'.join(map(str, item['loc']))}{got}: {message}".removeprefix(": "))
    return "; ".join(lines)
