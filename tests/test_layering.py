"""The arrows of the design, proved from the imports of every module: one ordered list of rooms says them all."""

import ast
import importlib
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]

# A room (or a file at the top of a package) imports only what stands before it, and of other rooms public names only.
ROOMS = (
    *("trainables.common", "trainables.own_code"),
    *("trainables.final_norm", "trainables.configuration", "trainables.storage", "trainables.data"),
    *("trainables.networks", "trainables.evaluation", "trainables.training", "trainables.run", "trainables.tune"),
    *("export.errors", "export.verification", "export.surgery", "export.conversion", "export.runs"),
    *("study.locations", "study.studies", "study.evidence", "study.answers", "study.tracking", "study.commandline"),
    *("study.execution", "study.tuning", "study.reporting", "study.deploying", "study.exporting"),
    *("study.refitting", "study.grid", "study.search", "study.report", "study.doctor"),
    *("export.__main__", "export.fold", "export.remove", "export.edge", "export.evaluate", "study.__main__"),
)
# package -> the only rooms that may import it
OWNERS = {
    "ray": {"trainables.tune", "study.execution", "study.tuning"},
    "mlflow": {"study.tracking"},
    "optuna": {"study.tuning"},
    "onnx": {"study.tracking"} | {room for room in ROOMS if room.startswith("export.")},
    "onnxruntime": {room for room in ROOMS if room.startswith("export.")},
    "onnxscript": {"export.conversion"},
    "matplotlib": {"study.reporting"},
}
# room -> all that it may use of this project: it can be copied without the rest
ALONE: dict[str, set[str]] = {"trainables.final_norm": set(), "export.edge": set(), "export.evaluate": {"export.edge"}}
MODULES = [path for package in ("trainables", "export", "study") for path in sorted((ROOT / package).rglob("*.py"))]
MOST_FILES, MOST_LINES = 10, 300  # of a room besides its public list


def _imports(source: str) -> Iterator[tuple[str, str]]:
    """Yields (module, name) of every import, name "" where a module is imported as such."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from ((alias.name, "") for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "a relative import"
            yield from ((node.module or "", alias.name) for alias in node.names)


def _module(path: Path) -> str:
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


def _room(module: str) -> str:
    """Returns the room that a module lies in; "" for what is none of ours."""
    return next((room for room in ROOMS if f"{module}.".startswith(f"{room}.")), "")


def _public(room: str) -> set[str]:
    """Returns the public list of a room, read from its `__all__`; of a single file nothing."""
    path = ROOT / room.replace(".", "/") / "__init__.py"
    for node in ast.parse(path.read_text()).body if path.is_file() else ():
        if isinstance(node, ast.Assign) and any(getattr(target, "id", "") == "__all__" for target in node.targets):
            return set(ast.literal_eval(node.value))
    return set()


def wrong_imports(module: str, source: str) -> list[str]:
    """Returns what a module imports against the arrows, one sentence each."""
    room, problems = _room(module), []
    for imported, name in _imports(source):
        package = imported.split(".")[0]
        if package in OWNERS and room not in OWNERS[package]:
            problems.append(f"{module} imports {package}, which is for {', '.join(sorted(OWNERS[package]))}")
        if package not in ("trainables", "export", "study"):
            continue
        other = _room(f"{imported}.{name}" if _room(imported) == "" else imported)
        if other == room:
            if imported == room and name in _public(room):
                problems.append(f"{module} imports {name} from its own public list, which is a circle")
            continue
        if not other:
            problems.append(f"{module} imports {imported}, which is in no room of the list")
        elif ROOMS.index(other) > ROOMS.index(room) or other not in ALONE.get(room, {other}):
            problems.append(f"{module} imports {other}, which stands behind {room}")
        elif (ROOT / other.replace(".", "/")).is_dir() and (imported != other or name not in _public(other)):
            problems.append(f"{module} imports {imported}.{name}, which is not on the public list of {other}")
    return problems


@pytest.mark.parametrize("path", MODULES, ids=_module)
def test_a_room_imports_only_public_names_of_rooms_before_it(path: Path) -> None:
    assert wrong_imports(_module(path), path.read_text()) == []


@pytest.mark.parametrize(
    ("module", "source"),
    [
        ("trainables.training.fit", "from study.studies import Study"),  # against the arrow between packages
        ("study.evidence.claims", "from study.reporting import as_data"),  # against the arrow between rooms
        ("study.grid", "from trainables.storage.run_folder import RunFolder"),  # past the public list
        ("study.grid", "import trainables.storage.run_folder"),
        ("export.runs.variants", "from trainables.networks import _load"),
        ("study.evidence.groups", "import mlflow"),  # a package that another room owns
        ("trainables.final_norm.algebra", "from trainables.common import StudyError"),  # a room that stands alone
        ("export.edge", "from trainables.data import Images"),
        ("export.evaluate", "from export.errors import ExportError"),
        ("trainables.training.fit", "from trainables.training import Inputs"),  # a circle
    ],
)
def test_a_wrong_import_is_found(module: str, source: str) -> None:
    assert len(wrong_imports(module, source)) == 1


def test_every_room_opens_with_its_question_and_a_public_list() -> None:
    for room in ROOMS:
        path = ROOT / room.replace(".", "/") / "__init__.py"
        if path.is_file():
            first_line = (ast.get_docstring(ast.parse(path.read_text())) or "").splitlines()[0]
            assert "?" in first_line, f"{room}: {first_line}"
            assert _public(room), f"{room} has no public list"


def test_rooms_and_files_stay_small() -> None:
    folders = {path.parent for path in MODULES}
    sizes = {str(f): sum(path.parent == f and path.name != "__init__.py" for path in MODULES) for f in folders}
    assert {folder: size for folder, size in sizes.items() if size > MOST_FILES} == {}
    lengths = {_module(path): len(path.read_text().splitlines()) for path in MODULES}
    assert {module: length for module, length in lengths.items() if length > MOST_LINES} == {}


def test_the_top_level_is_what_was_agreed() -> None:
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=False)
    if listed.returncode:
        pytest.skip("not a git checkout")
    tops = {line.split("/")[0] for line in listed.stdout.splitlines()}
    visible = {"pyproject.toml", "study", "trainables", "export", "tests", "clusters", "README.md", "LICENSE"}
    assert {top for top in tops if not top.startswith(".")} == visible


def test_a_lazy_public_list_offers_what_it_lists() -> None:
    for room in ROOMS:
        if _public(room):
            module = importlib.import_module(room)
            assert [name for name in _public(room) if not hasattr(module, name)] == [], room


def test_no_name_of_a_lazy_public_list_is_hidden_by_a_file() -> None:
    """A file that was imported is an attribute of its room, and `__getattr__` is not asked any more."""
    for room in ROOMS:
        folder = ROOT / room.replace(".", "/")
        if folder.is_dir() and "public_names(" in (folder / "__init__.py").read_text():
            assert _public(room) & {path.stem for path in folder.glob("*.py")} == set(), room
