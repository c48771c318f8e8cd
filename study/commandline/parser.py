"""The parser of every command: strict, with a hint at what was meant, and with options that a TOML file may give."""

import argparse
import json
import logging
import os
import sys
import tomllib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from difflib import get_close_matches
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, NoReturn

from study.commandline import terminal
from study.locations import without_password
from trainables.common import MIB, ConfigurationError, printable, read_regular, shortened
from trainables.configuration import near_field

CONSOLE_SCRIPT = "final-bn"
LARGEST_FILE = 1 * MIB  # with options
NOT_IN_A_FILE = ("help", "version", "config", "print_config", "quiet", "verbose")  # options that say how, not what

Namespace = argparse.Namespace


def make_parser(program: str, description: str, example: str) -> "Parser":
    """Returns the parser of a command with the options that all commands have.

    Args:
        program: the module that is the command, such as "study.grid".
        description: what it does.
        example: a command line.
    """
    is_script = Path(sys.argv[0]).name == CONSOLE_SCRIPT
    parser = Parser(
        prog=f"{CONSOLE_SCRIPT} {program.removeprefix('study.')}" if is_script else f"python -m {program}",
        description=description,
        epilog=f"example: {example}",
        allow_abbrev=False,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("--version", action="version", version=version_of_project(), help="say which version this is and stop")
    add("-q", "--quiet", action="store_true", help="no progress: results, warnings and errors only")
    add("-v", "--verbose", action="count", default=0, help="also what libraries log; twice: everything")
    add("--config", metavar="FILE.toml", help="take options from a file; the command line's own win")
    add("--print-config", action="store_true", help="print the options given as such a file and stop")
    return parser


def version_of_project() -> str:
    """Returns "final-bn 2.0.0"."""
    try:
        return f"final-bn {version('final-bn')}"
    except PackageNotFoundError:
        return "final-bn, run from a folder that is not installed"


class Parser(argparse.ArgumentParser):
    """A parser whose errors are one line, with a hint."""

    def parse_args(self, args: Iterable[str] | None = None, namespace: Any = None) -> Any:
        """Returns the parsed arguments, on top of those of the file that `--config` names.

        Raises:
            ConfigurationError: a file that is no TOML, or names what this command does not take.
        """
        words = list(sys.argv[1:] if args is None else args)
        own_defaults = {name: action.default for name, action in self._in_a_file().items()}
        file = _named_file(words)
        if file is not None:
            self._take_defaults(file)
        parsed, unknown = self.parse_known_args(words, namespace)
        if unknown:
            self.error("; ".join(self._unknown(word) for word in unknown))
        if getattr(parsed, "print_config", False):
            self.exit(0, "".join(f"{line}\n" for line in self._as_file(parsed, own_defaults)))
        terminal.set_quiet(getattr(parsed, "quiet", False))
        verbosity = getattr(parsed, "verbose", 0)
        if verbosity:
            logging.getLogger().setLevel(logging.INFO if verbosity == 1 else logging.DEBUG)
        return parsed

    def error(self, message: str) -> NoReturn:
        """Says in one line what is wrong, and exits with 2; what it quotes is escaped where it needs to be."""
        self.exit(2, f"error: {shortened(printable(message))}; {self.prog} --help says what there is\n")

    def exit(self, status: int = 0, message: str | None = None) -> NoReturn:
        """Prints a message, an error's on stderr, and exits."""
        if message:
            self._print_message(message, sys.stderr if status else sys.stdout)
        raise SystemExit(status)

    def _unknown(self, word: str) -> str:
        """Returns what is said of a word that the command does not take: the option or the field that was meant."""
        if not word.startswith("-"):
            return f"unexpected argument {word!r}"
        option = word.partition("=")[0]
        option_of_name = {name.lstrip("-"): name for action in self._actions for name in action.option_strings}
        name = option.lstrip("-")
        field = near_field(name.replace("-", "_")) if "set" in option_of_name else None
        name_of_field = field.split(".")[1].replace("_", "-") if field else ""
        near = get_close_matches(name, [name_of_field, *option_of_name], n=1)
        meant = f"--set {field}=VALUE" if field else ""
        if near and near[0] != name_of_field:
            meant = option_of_name[near[0]]
        return f"unknown option {option}" + (f" (did you mean {meant}?)" if meant else "")

    def _in_a_file(self) -> dict[str, argparse.Action]:
        """Returns {name in a file: option or argument}."""
        actions = [action for action in self._actions if action.dest not in NOT_IN_A_FILE]
        return {(action.option_strings or [action.dest])[-1].lstrip("-"): action for action in actions}

    def _take_defaults(self, file: Path) -> None:
        """Makes what a file says the defaults."""
        actions = self._in_a_file()
        for name, value in _read(file).items():
            if name not in actions:
                near = get_close_matches(name, actions, n=1)
                hint = f" (did you mean {near[0]}?)" if near else ""
                raise ConfigurationError(f"{file}: unknown option {name!r}{hint}; allowed: {', '.join(actions)}")
            action = actions[name]
            try:
                action.default = self._converted(action, value)
            except (argparse.ArgumentTypeError, argparse.ArgumentError, ValueError) as error:
                raise ConfigurationError(f"{file}: {name}: {error}") from error
            action.required = False
            if not action.option_strings and action.nargs is None:
                action.nargs = "?"

    def _converted(self, action: argparse.Action, value: object) -> object:
        """Returns a file's value as the command line's would be."""
        if isinstance(action, argparse._StoreTrueAction):
            if not isinstance(value, bool):
                raise ValueError(f"got {value!r}; true or false is allowed")
            return value
        is_list = isinstance(action, argparse._AppendAction) or action.nargs == "*"
        if isinstance(value, list) != is_list or isinstance(value, dict | bool):
            raise ValueError(f"got {value!r}; {'a list' if is_list else 'a single value'} is allowed")
        values = value if isinstance(value, list) else [value]
        for item in values:
            if action.choices is not None and item not in action.choices:
                raise ValueError(f"got {item!r}; allowed: {', '.join(map(str, action.choices))}")
        convert = action.type if callable(action.type) else str
        converted = [convert(str(item)) for item in values]
        return converted if is_list else converted[0]

    def _as_file(self, parsed: Namespace, own_defaults: Mapping[str, Any]) -> Iterator[str]:
        """Yields the lines of a file that says what parsed arguments say; what is at its default is a comment."""
        yield f"# {self.prog} --config THIS_FILE; a line that begins with # is left as it is"
        for name, action in self._in_a_file().items():
            value = getattr(parsed, action.dest)
            is_secret = isinstance(value, str) and without_password(value) != value
            if value == own_defaults[name] or is_secret:
                secret = "; it has a password: leave it in the environment" if is_secret else ""
                yield f"# {name}: {action.help}{secret}"
            else:
                yield f"{name} = {json.dumps(_plain(value), ensure_ascii=False)}"


def _named_file(words: Sequence[str]) -> Path | None:
    """Returns the file that `--config` names among the words of a command line."""
    only = argparse.ArgumentParser(add_help=False, allow_abbrev=False, exit_on_error=False)
    only.add_argument("--config")
    try:
        name = only.parse_known_args(words)[0].config
    except argparse.ArgumentError:  # no name behind it: the command's parser says so
        return None
    return None if name is None else Path(os.path.expanduser(name))


def _read(file: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(read_regular(file, LARGEST_FILE).decode())
    except OSError as error:
        raise ConfigurationError(f"--config {file}: {error.strerror or error}") from error
    except ValueError as error:  # no TOML, or no UTF-8
        raise ConfigurationError(f"--config {file}: no TOML file: {error}") from error


def _plain(value: object) -> Any:
    """Returns a parsed value as a file has it: (FIELD, VALUE) as "FIELD=VALUE"."""
    if isinstance(value, list):
        return [_plain(item) for item in value]
    if isinstance(value, tuple):
        return "=".join(map(str, value))
    return value if isinstance(value, str | int | float) or value is None else str(value)
