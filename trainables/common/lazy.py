"""Public lists that import a file when one of its names is asked for, so that `--help` waits for nothing heavy."""

from collections.abc import Callable, Mapping, Sequence
from importlib import import_module


def public_names(room: str, names_of_file: Mapping[str, Sequence[str]]) -> Callable[[str], object]:
    """Returns a room's `__getattr__` (PEP 562).

    Args:
        room: the room's module name, its `__name__`.
        names_of_file: file of the room, without ".py" -> the public names that stand in it.
    """
    file_of_name = {name: file for file, names in names_of_file.items() for name in names}

    def get(name: str) -> object:
        if name not in file_of_name:
            raise AttributeError(f"module {room!r} has no attribute {name!r}")
        return getattr(import_module(f"{room}.{file_of_name[name]}"), name)

    return get
