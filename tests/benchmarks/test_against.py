"""The comparison with another commit runs that commit's files, and does not call different results the same."""

from pathlib import Path

import pytest

from tests.benchmarks import against
from tests.benchmarks.measured import measure


def test_the_other_checkout_is_what_runs() -> None:
    with against.other_checkout("HEAD") as checkout:
        (checkout / "study" / "where.py").write_text("print(__file__)\n")
        found = measure(["-m", "study.where"], {"PYTHONPATH": str(checkout)}, checkout)
        assert found.output.strip() == str(checkout / "study" / "where.py")
    assert not checkout.exists()


def test_f1_of_the_same_arms_is_compared_by_welchs_test() -> None:
    low, high = [0.1, 0.12, 0.11, 0.09], [0.8, 0.82, 0.81, 0.79]
    same = {"a, none": low, "a, final BN": high}
    assert against.agreement(same, same) == "2 of 2 arms"
    assert against.agreement(same, {**same, "a, none": [0.1, 0.13, 0.1, 0.1]}) == "2 of 2 arms"
    assert against.agreement(same, {"a, none": high, "a, final BN": high}) == "1 of 2 arms; not a, none"
    assert against.agreement({}, {}) == ""


def test_commands_that_lack_their_data_are_left_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ran: list[str] = []

    def run(command: against.Command, side: against.Side, *_: object) -> None:
        ran.append(command.name)
        side.seconds.append(1.0)

    monkeypatch.setattr(against, "_run", run)
    table = against.table("HEAD", 1, tmp_path, None)
    assert ran[::2] == [command.name for command in against.COMMANDS if not command.needs]
    assert [str(cell) for cell in table.columns[0].cells] == ran[::2]
