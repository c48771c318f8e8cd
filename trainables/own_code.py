"""Functions of somebody's own, "package.module:function": found, fingerprinted, and found again where a run needs them.

In a configuration such a function is called "package.module:function@FINGERPRINT", so that a key stands for its source.
"""

import hashlib
import os
import re
import sys
import sysconfig
from collections.abc import Callable, Iterable
from difflib import get_close_matches
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

from trainables.common import ConfigurationError, first_line

FORM = "package.module:function"
_SPEC = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*:[A-Za-z_]\w*")
_NAME = re.compile(rf"{_SPEC.pattern}@[0-9a-f]{{16}}")
Function = Callable[..., Any]


def is_spec(text: str) -> bool:
    """Whether a text has the form package.module:function."""
    return _SPEC.fullmatch(text) is not None


def is_own(name: str) -> bool:
    """Whether a configuration names a function of somebody's own: package.module:function@FINGERPRINT."""
    return _NAME.fullmatch(name) is not None


def spec_of(name: str) -> str:
    """Returns package.module:function of the name in a configuration; of another text the text."""
    return name.partition("@")[0]


def name_own(spec: str) -> str:
    """Returns what a configuration calls package.module:function, the fingerprint of its source included.

    The fingerprint is of the module's file; of a module in a package, of every .py file of that package.

    Raises:
        ConfigurationError: no such module or function, a module that fails, one without source files.
    """
    _find(spec)
    digest = hashlib.sha256()
    folder, files = _source(spec)
    for file in files:
        content = file.read_bytes()
        digest.update(f"{file.relative_to(folder).as_posix()}\n{len(content)}\n".encode())
        digest.update(content)
    return f"{spec}@{digest.hexdigest()[:16]}"


def load_own(name: str) -> Function:
    """Returns the function that a configuration names.

    Raises:
        ConfigurationError: as `name_own`; the source is not what it was when the configuration was made.
    """
    spec = spec_of(name)
    function = _find(spec)
    present = name_own(spec)
    if present != name:
        raise ConfigurationError(
            f"{spec}: its source is {present.partition('@')[2]} now, the run's was {name.partition('@')[2]}; "
            "put that source back, or train again"
        )
    return function


def is_there(name: str) -> bool:
    """Whether `load_own` finds the function that a configuration names."""
    try:
        load_own(name)
    except ConfigurationError:
        return False
    return True


def to_ship(names: Iterable[str]) -> list[str]:
    """Returns the files and package folders that other machines need for these functions; none of what is installed."""
    installed = [Path(sysconfig.get_path(kind)).resolve() for kind in ("purelib", "platlib", "stdlib")]
    paths = []
    for spec in dict.fromkeys(map(spec_of, names)):
        _find(spec)
        folder, files = _source(spec)
        path = folder if hasattr(_top(spec), "__path__") else files[0]
        if not any(path.is_relative_to(place) for place in installed):
            paths.append(str(path))
    return list(dict.fromkeys(paths))


def _find(spec: str) -> Function:
    """Returns a function; the working directory is looked into last, as `python -m` does first."""
    module_name, _, function_name = spec.partition(":")
    if os.getcwd() not in sys.path:
        sys.path.append(os.getcwd())
    try:
        module = import_module(module_name)
    except ModuleNotFoundError as error:
        if error.name and (module_name == error.name or module_name.startswith(f"{error.name}.")):
            raise ConfigurationError(
                f"{spec}: no module {error.name!r}, neither installed nor in {os.getcwd()}; the form is {FORM}"
            ) from None
        raise ConfigurationError(f"{spec}: {module_name} cannot be imported: {first_line(error)}") from error
    except Exception as error:  # code of somebody's own raises what it likes
        kind = type(error).__name__
        raise ConfigurationError(f"{spec}: {module_name} cannot be imported: {kind}: {first_line(error)}") from error
    function = getattr(module, function_name, None)
    if not callable(function):
        near = get_close_matches(function_name, [name for name, value in vars(module).items() if callable(value)], n=1)
        hint = f" (did you mean {near[0]}?)" if near else ""
        what = "has no such function" if function is None else f"{function_name} is a {type(function).__name__}"
        raise ConfigurationError(f"{spec}: {module_name} {what}{hint}; the form is {FORM}")
    return function  # type: ignore[no-any-return]


def _source(spec: str) -> tuple[Path, list[Path]]:
    """Returns the folder and the source files that a function's fingerprint is of: a package's, or the module's one."""
    module, top = sys.modules[spec.partition(":")[0]], _top(spec)
    file = getattr(module, "__file__", None)
    if file is None or not file.endswith(".py"):
        raise ConfigurationError(f"{spec}: {module.__name__} has no source file to tell its versions by")
    if not hasattr(top, "__path__"):
        return Path(file).resolve().parent, [Path(file).resolve()]
    folder = Path(next(iter(top.__path__))).resolve()
    return folder, sorted(folder.rglob("*.py"))


def _top(spec: str) -> ModuleType:
    """Returns the module at the top of a function's package; of a module outside of packages the module."""
    return sys.modules[spec.partition(":")[0].split(".")[0]]
