"""The one name for every command: `final-bn`, which is `python -m study`."""

import subprocess
import sys
import tomllib
from importlib import import_module
from pathlib import Path

import pytest

from study import __main__ as whole
from study.commandline import version_of_project
from study.studies import STUDIES

ROOT = Path(__file__).parents[2]


def _said(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as caught:
        whole.main(words)
    return int(str(caught.value.code)), *capsys.readouterr()


def test_the_script_is_installed_and_calls_this() -> None:
    scripts = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["scripts"]
    assert scripts == {"final-bn": "study.__main__:main"}


def test_help_names_every_command_and_fits_80_columns(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = _said(capsys, "--help")
    assert code == 0
    assert all(f"  {name} " in out for name in (*whole.COMMANDS, "completion"))
    assert max(map(len, out.splitlines())) <= 80
    assert _said(capsys)[0] == 2  # no command is wrong usage, which help answers


def test_the_version_is_told_alike_everywhere(capsys: pytest.CaptureFixture[str]) -> None:
    """Where it is another one that `--version` says, install again: the installed package keeps its own note of it."""
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    assert _said(capsys, "--version") == (0, f"final-bn {version}\n", "")
    assert f"version = {{{version}}}" in (ROOT / "README.md").read_text()
    headings = [line for line in (ROOT / "study/CHANGELOG.md").read_text().splitlines() if line.startswith("## ")]
    assert headings[0].split()[1] == version


def test_version_and_a_misspelt_command(capsys: pytest.CaptureFixture[str]) -> None:
    assert _said(capsys, "--version") == (0, f"{version_of_project()}\n", "")
    code, _, err = _said(capsys, "gird")
    assert code == 2
    assert "unknown command 'gird' (did you mean grid?)" in err


@pytest.mark.parametrize("name", whole.COMMANDS)
def test_a_command_is_its_module(capsys: pytest.CaptureFixture[str], name: str) -> None:
    module, _ = whole.COMMANDS[name]
    assert callable(import_module(module).main)
    code, out, err = _said(capsys, name, "--help")
    assert code == 0, err
    assert out.startswith("usage: ")


def test_an_exit_code_is_passed_on(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert _said(capsys, "report", "digits", "--runs", str(tmp_path))[0] == 1
    assert _said(capsys, "grid", "tabel7")[0] == 2


def test_bash_completes_commands_options_and_studies(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    code, script, _ = _said(capsys, "completion", "bash")
    assert code == 0
    (tmp_path / "completion.sh").write_text(script)

    def completed(*words: str) -> set[str]:
        line = " ".join(f"'{word}'" for word in words)
        asked = (
            f"source {tmp_path}/completion.sh; COMP_WORDS=({line}); COMP_CWORD={len(words) - 1}; "
            '$(complete -p final-bn | sed "s/.*-F //; s/ .*//") final-bn; printf "%s\\n" "${COMPREPLY[@]}"'
        )
        answered = subprocess.run(["bash", "-c", asked], capture_output=True, text=True, check=False)
        return set(answered.stdout.split())

    assert completed("final-bn", "gr") == {"grid"}
    assert completed("final-bn", "grid", "--dry") == {"--dry-run"}
    assert completed("final-bn", "grid", "table") == {name for name in STUDIES if name.startswith("table")}


def test_a_shell_that_is_not_known_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert _said(capsys, "completion", "fish") == (
        *(2, ""),
        "error: completion of which shell? got fish; allowed: bash, zsh, tcsh\n",
    )


def test_it_is_called_by_module_too() -> None:
    called = subprocess.run(
        [sys.executable, "-m", "study", "--version"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert (called.returncode, called.stdout) == (0, f"{version_of_project()}\n")
