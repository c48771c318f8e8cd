"""The wheel: it holds what the programs need, and runs from an empty folder."""

import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


@pytest.mark.timeout(300)
def test_a_wheel_runs_from_an_empty_folder(tmp_path: Path) -> None:
    source = tmp_path / "source"  # a build leaves files beside what it builds
    for name in ("study", "trainables", "export"):
        shutil.copytree(ROOT / name, source / name)
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source)
    build = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", str(tmp_path), str(source)]
    done = subprocess.run(build, capture_output=True, text=True, check=False)
    if done.returncode and "setuptools" in done.stderr:
        pytest.skip("no package index to be reached")
    assert done.returncode == 0, done.stderr
    (wheel,) = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as content:
        names = content.namelist()
    assert "study/reporting/page/page.html" in names
    assert not [name for name in names if name.startswith("tests/")]
    empty = tmp_path / "empty"
    empty.mkdir()
    environment = {**os.environ, "PYTHONPATH": str(wheel)}

    def out(*arguments: str) -> str:
        command = [sys.executable, *arguments]
        ran = subprocess.run(command, cwd=empty, env=environment, capture_output=True, text=True, check=False)
        assert ran.returncode == 0, ran.stderr
        return ran.stdout

    assert ".whl" in out("-c", "import study; print(study.__file__)")
    assert "0 done" in out("-m", "study.grid", "--dry-run")
    place = "files('study.reporting.page').joinpath('page.html')"
    page = out("-c", f"from importlib.resources import files; print({place}.read_text())")
    assert page.startswith("<!DOCTYPE html>")
