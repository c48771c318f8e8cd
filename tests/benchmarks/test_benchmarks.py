"""The benchmarks run and do not flatter: they are not themselves timed tests."""

import json
from pathlib import Path

import pytest

from tests.benchmarks import comparison, gpu, growth, limit, measured, peer
from tests.benchmarks.comparison import WORKS
from trainables.configuration import Data


@pytest.mark.timeout(180)  # two commands with a Ray each
def test_growth_counts_every_configuration_once(tmp_path: Path) -> None:
    arms = growth.trivial(40).arms
    assert len({arm.configuration.key for arm in arms}) == 40
    found = measured.measure(["-m", "tests.benchmarks.growth", "3"])
    assert json.loads(found.output.splitlines()[-1])["overhead"] > 0
    assert found.seconds > 0 < found.driver


def test_a_failing_command_is_an_error_not_a_time() -> None:
    with pytest.raises(RuntimeError, match=r"(?s)exited with 1.*ZeroDivisionError"):
        measured.measure(["-c", "1 / 0"])


def test_the_limit_needs_nothing_but_what_is_embedded(tmp_path: Path) -> None:
    table = limit.table(tmp_path, None)
    assert [str(cell) for cell in table.columns[0].cells] == ["digits"]


def test_both_sides_do_the_same_work() -> None:
    data = Data()
    ours = {part: (getattr(data, f"{part}_majority"), getattr(data, f"{part}_minority")) for part in peer.COUNTS}
    assert ours == peer.COUNTS
    from study.studies import find

    for work in WORKS:
        study = find([work.study])[0]
        configurations = [study.arm(arm).configuration for arm in work.arms]
        assert {configuration.schedule.epochs for configuration in configurations} == {work.epochs}
        assert {configuration.schedule.batch_size for configuration in configurations} == {64}
        assert [configuration.network.final_norm for configuration in configurations] == list(work.arms.values())


def test_a_comparison_of_different_results_is_void() -> None:
    same = {"none": [0.1, 0.2, 0.15], "batch": [0.8, 0.9, 0.85]}
    other = {"none": [0.1, 0.2, 0.15], "batch": [0.1, 0.1, 0.2]}
    constant = {"none": [0.0, 0.0], "batch": [1.0, 1.0]}
    assert comparison.agree(same, same) == "yes"
    assert comparison.agree(same, other) == "no: void"
    assert comparison.agree(constant, constant) == "yes"
    assert comparison.agree(same, {"none": [], "batch": [0.8, 0.9]}) == "yes"
    assert comparison.agree({"none": [0.1], "batch": [0.2]}, same) == "one seed: not judged"


def test_the_peers_parts_share_no_image() -> None:
    parts = peer._split({"train": (list(range(2000)), list(range(2000, 3000)))}, 0)
    indices = [index for part in parts.values() for index, _ in part]
    assert len(set(indices)) == len(indices) == 1010 + 157 + 300


@pytest.mark.timeout(180)
def test_the_gpu_script_runs_in_small_and_says_that_it_saw_no_gpu(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert gpu.main(["--small", "--device", "cpu", "--data-root", str(tmp_path)]) == 0
    printed = capsys.readouterr().out
    assert "No GPU: these numbers say that the script runs" in printed
    rows = [line.split(" | ") for line in printed.splitlines() if line.startswith("|") and "---" not in line]
    assert {row[0] for row in rows} >= {"| resnet18", "| dense", "| head", "| cnn", "| table7", "| figure2a"}
    assert "mnist is not in --data-root" in printed
