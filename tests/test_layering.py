"""The arrows of the design, proved from the imports of every module."""

import ast
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
COMMANDS = {"study/grid.py", "study/report.py", "study/search.py", "study/doctor.py"} | {
    "export/__main__.py",
    "export/fold.py",
    "export/remove.py",
}
# package -> the only files that may import it
OWNERS = {
    "ray": {"trainables/tune_adapter.py", "study/launch.py", "study/prepare.py", "study/optuna_search.py"},
    "mlflow": {"study/tracking.py", "study/registry.py"},
    "optuna": {"study/optuna_search.py", "study/optuna_storage.py"},
}
MODULES = [path for package in ("trainables", "study", "export") for path in sorted((ROOT / package).rglob("*.py"))]


def _imports(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            yield node.module or ""
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_imports_follow_the_arrows(path: Path) -> None:
    name = str(path.relative_to(ROOT))
    found = set(_imports(path))
    tops = {module.split(".")[0] for module in found}
    for package, owners in OWNERS.items():
        assert package not in tops or name in owners, f"{name} may not import {package}"
    if name.startswith("trainables/"):
        assert not tops & {"study", "export", "onnx", "onnxruntime", "onnxscript"}
    elif name.startswith("export/") and name not in COMMANDS:
        assert "study" not in tops
        assert "trainables.tune_adapter" not in found
    if name not in COMMANDS:
        commands = {command.removesuffix(".py").replace("/", ".") for command in COMMANDS}
        assert not found & commands, f"{name} imports a command"


def test_files_answer_one_question_and_stay_short() -> None:
    assert {str(p): n for p in MODULES if (n := len(p.read_text().splitlines())) > 250} == {}


def test_the_top_level_is_what_was_agreed() -> None:
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=False)
    if listed.returncode:
        pytest.skip("not a git checkout")
    tops = {line.split("/")[0] for line in listed.stdout.splitlines()}
    visible = {"pyproject.toml", "study", "trainables", "export", "tests", "clusters", "README.md", "LICENSE"}
    assert {top for top in tops if not top.startswith(".")} == visible
