"""What all commands' parsers have in common: hints, quietness, and files of options."""

import argparse
import logging
import os
from pathlib import Path

import pytest

from study import doctor, exporting, grid, report, search
from study.commandline import command, console, is_quiet, terminal
from study.commandline.parser import Parser, make_parser, version_of_project

COMMANDS = [grid, search, report, doctor, exporting]


@pytest.fixture(autouse=True)
def _as_before() -> None:
    terminal.set_quiet(False)


def _said(capsys: pytest.CaptureFixture[str], parser: argparse.ArgumentParser, *words: str) -> tuple[int, str, str]:
    def main(arguments: object) -> int:
        parser.parse_args(words)
        return 0

    with pytest.raises(SystemExit) as caught:
        command.run_command(main, words)
    return int(str(caught.value.code)), *capsys.readouterr()


@pytest.mark.parametrize(
    ("words", "hint"),
    [
        (["--sedes", "3"], "unknown option --sedes (did you mean --seeds?)"),
        (["--lr", "0.01"], "unknown option --lr (did you mean --set optimiser.learning_rate=VALUE?)"),
        (["--batch-size=8"], "unknown option --batch-size (did you mean --set schedule.batch_size=VALUE?)"),
        (["--qwertz"], "unknown option --qwertz;"),
        (["--set", "lr=1"], None),  # a value, which the parser leaves alone
    ],
)
def test_an_unknown_option_is_one_line_with_what_was_meant(
    capsys: pytest.CaptureFixture[str], words: list[str], hint: str | None
) -> None:
    code, _, err = _said(capsys, grid.parser(), *words)
    if hint is None:
        assert (code, err) == (0, "")
    else:
        assert code == 2
        assert err.startswith(f"error: {hint}")
        assert err.count("\n") == 1


def test_a_command_without_set_offers_no_field(capsys: pytest.CaptureFixture[str]) -> None:
    assert "--set" not in _said(capsys, report.parser(), "--lr", "1")[2]


def test_every_command_says_its_version(capsys: pytest.CaptureFixture[str]) -> None:
    for module in COMMANDS:
        assert _said(capsys, module.parser(), "--version") == (0, f"{version_of_project()}\n", "")


@pytest.mark.parametrize(
    ("words", "level", "quiet"),
    [([], logging.WARNING, False), (["-v"], logging.INFO, False), (["-vv"], logging.DEBUG, False),
     (["-q"], logging.WARNING, True)],
)  # fmt: skip
def test_how_much_is_said(monkeypatch: pytest.MonkeyPatch, words: list[str], level: int, quiet: bool) -> None:
    root = logging.getLogger()
    monkeypatch.setattr(root, "level", logging.WARNING)
    grid.parser().parse_args(words)
    assert (root.level, is_quiet()) == (level, quiet)


def test_no_color_is_heard(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    assert console().no_color


def test_a_file_says_what_a_command_line_would(tmp_path: Path) -> None:
    file = tmp_path / "options.toml"
    file.write_text(
        'studies = ["table7", "table5"]\nseeds = 3\nwhere = ["output=softmax"]\n'
        'smoke = true\nratio = 0.5\ndata = "mnist"\n'
    )
    words = ["table7", "table5", "--seeds", "3", "--where", "output=softmax", "--smoke", "--ratio", "0.5"]
    typed = vars(grid.parser().parse_args([*words, "--data", "mnist"]))
    taken = vars(grid.parser().parse_args(["--config", str(file)]))
    assert taken == {**typed, "config": str(file)}


def test_the_command_line_wins_over_the_file(tmp_path: Path) -> None:
    file = tmp_path / "options.toml"
    file.write_text('studies = ["table7"]\nseeds = 3\nset = ["epochs=5"]\n')
    parsed = grid.parser().parse_args(["digits", "--config", str(file), "--seeds", "4", "--set", "epochs=6"])
    assert (parsed.studies, parsed.seeds) == (["digits"], 4)
    assert parsed.set == [("epochs", "5"), ("epochs", "6")]  # those that may be repeated add up: the last one wins


def test_a_required_argument_may_stand_in_the_file(tmp_path: Path) -> None:
    file = tmp_path / "options.toml"
    file.write_text('study = "digits"\nbest = true\n')
    parsed = exporting.parser().parse_args(["--config", str(file)])
    assert (parsed.study, parsed.best) == ("digits", True)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("seed = 3", "unknown option 'seed' (did you mean seeds?); allowed: studies, list"),
        ("seeds = 0", "seeds: got '0'; a whole number of at least 1 is allowed"),
        ('seeds = ["3"]', "seeds: got ['3']; a single value is allowed"),
        ('set = "epochs=5"', "set: got 'epochs=5'; a list is allowed"),
        ('set = ["epochs"]', "set: got 'epochs'; the form is FIELD=VALUE"),
        ('smoke = "yes"', "smoke: got 'yes'; true or false is allowed"),
        ('defaults = "torch"', "defaults: got 'torch'; allowed: "),
        ("seeds 3", "no TOML file"),
        ('config = "other.toml"', "unknown option 'config'"),
    ],
)
def test_a_wrong_file_is_one_line(capsys: pytest.CaptureFixture[str], tmp_path: Path, text: str, message: str) -> None:
    file = tmp_path / "options.toml"
    file.write_text(text)
    code, _, err = _said(capsys, grid.parser(), "--config", str(file))
    assert code == 2
    assert str(file) in err
    assert message in err
    assert err.count("\n") == 1


def test_a_file_that_is_missing_is_one_line(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    code, _, err = _said(capsys, grid.parser(), "--config", str(tmp_path / "none.toml"))
    assert (code, err) == (2, f"error: --config {tmp_path}/none.toml: No such file or directory\n")


def test_a_fifo_is_not_waited_for(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    code, _, err = _said(capsys, grid.parser(), "--config", str(tmp_path / "fifo"))
    assert (code, err) == (2, f"error: --config {tmp_path}/fifo: a FIFO, not a regular file\n")


def test_what_an_error_quotes_is_escaped(capsys: pytest.CaptureFixture[str]) -> None:
    code, _, err = _said(capsys, grid.parser(), "--seeds", "3", "--sea\x1b[31m")
    assert code == 2
    assert "unknown option --sea\\x1b[31m" in err


@pytest.mark.parametrize(
    ("module", "words"),
    [
        (grid, ["table7", "--seeds", "3", "--set", "epochs=5", "--set", 'minority="8",9', "--smoke", "--data", "a\\b"]),
        (search, ["digits", "--trials", "4", "--space", "epochs=1,2", "--arm", "none"]),
        (report, ["digits", "--sync", "--wide"]),
        (doctor, ["--fix"]),
        (exporting, ["digits", "--best", "--opset", "17", "--output", "out"]),
    ],
    ids=lambda value: value.__name__ if hasattr(value, "__name__") else "",
)
def test_what_is_printed_is_read_again(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, module: object, words: list[str]
) -> None:
    make = module.parser  # type: ignore[attr-defined]
    code, out, _ = _said(capsys, make(), *words, "--print-config")
    assert code == 0
    file = tmp_path / "options.toml"
    file.write_text(out)
    assert vars(make().parse_args(["--config", str(file)])) == {**vars(make().parse_args(words)), "config": str(file)}


def test_a_password_is_not_printed(capsys: pytest.CaptureFixture[str]) -> None:
    _, out, _ = _said(capsys, report.parser(), "--tracking-uri", "http://me:secret@host", "--print-config")
    assert "secret" not in out
    assert "# tracking-uri: " in out


def test_a_console_script_is_called_by_its_name(monkeypatch: pytest.MonkeyPatch) -> None:
    assert make_parser("study.grid", "", "").prog == "python -m study.grid"
    monkeypatch.setattr("sys.argv", ["/venv/bin/final-bn", "grid"])
    parser = make_parser("study.grid", "", "")
    assert isinstance(parser, Parser)
    assert parser.prog == "final-bn grid"
