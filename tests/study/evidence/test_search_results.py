"""What searches keep in the run folder, and the groups that come of it."""

from dataclasses import replace
from pathlib import Path

import pytest

from study.evidence import robustness, search_results
from study.evidence.search_results import SearchResult, Setting
from study.studies.ours.tuned import tuned_study
from study.studies.search_space import SEARCH_ARMS, Choice, Range, Values
from trainables.common import RecordError
from trainables.configuration import Configuration
from trainables.storage.record import Record
from trainables.storage.run_folder import RunFolder

SPACE = (Range("optimiser.learning_rate", 1e-4, 1e-1, log=True), Choice("schedule.batch_size", (16, 32)))


def _found(base: Configuration, arms: tuple[str, ...], rate: float, changes: dict[str, object]) -> SearchResult:
    values: Values = {"optimiser.learning_rate": rate, "schedule.batch_size": 16}
    settings = {arm: [Setting(values, 0, "complete", (0.5,)), Setting(values, None, "failed", (), "NaN")]
                for arm in arms}  # fmt: skip
    keys = {arm: base.replace(SEARCH_ARMS[arm] | values).key for arm in arms}
    return SearchResult(changes, ("minority_f1",), 5, keys, SPACE, [values], settings, {arm: {} for arm in arms})


def _records(base: Configuration, search: SearchResult) -> list[Record]:
    return [
        Record(
            study="x-tuned", arm=arm, key=search.winners[arm], seed=seed, status="complete", seconds=1,
            configuration=base.replace(SEARCH_ARMS[arm] | search.settings[arm][0].values).flat(), data_fingerprint="",
            finished_at="2026-11-24", device="cpu",
        )
        for arm in search.winners for seed in (0, 1)
    ]  # fmt: skip


def test_what_was_found_is_read_as_it_was_kept(tmp_path: Path) -> None:
    folder, base = RunFolder(str(tmp_path)), Configuration()
    assert search_results.recall_search_results(folder, "x-tuned") == {}
    kept = _found(base, ("none",), 1e-3, {"network.hidden": 64})
    search_results.keep_search_result(folder, "x-tuned", base.key, kept)
    assert search_results.recall_search_results(folder, "x-tuned") == {base.key: kept}
    assert repr(search_results.recall_search_results(folder, "x-tuned")[base.key].space) == repr(SPACE)  # 16 stays 16


def test_arms_of_two_calls_belong_together_unless_the_space_is_another(tmp_path: Path) -> None:
    folder, base = RunFolder(str(tmp_path)), Configuration()
    for arms, rate in ((("none", "final BN"), 1e-3), (("final BN",), 1e-2)):
        search_results.keep_search_result(folder, "x-tuned", base.key, _found(base, arms, rate, {}))
    kept = search_results.recall_search_results(folder, "x-tuned")[base.key]
    assert list(kept.winners) == ["none", "final BN"]
    assert kept.settings["final BN"][0].values["optimiser.learning_rate"] == 1e-2  # the latest
    assert search_results.keep_search_result(
        folder, "x-tuned", base.key, replace(kept, tuning_seeds=6, winners={"none": "k"})
    ) == ["final BN"]
    other = SearchResult({}, ("minority_f1",), 5, {"none": "k"}, SPACE[:1], [], {"none": []}, {})
    assert other.with_arms_of(kept).winners == {"none": "k"}
    two = SearchResult({}, ("minority_f1", "latency"), 5, {"none, k": "k"}, SPACE, [], {"none": []}, {})
    assert two.with_arms_of(two).winners == {"none, k": "k"}


@pytest.mark.parametrize("change", [{"data.split": "blocked"}, {"network.hidden": 64}, {"network.first_norm": "batch"}])
def test_winners_of_searches_around_other_bases_are_not_compared(change: dict[str, object]) -> None:
    usual = Configuration()
    other = usual.replace(change)
    searches = {base.key: _found(base, ("none", "final BN"), 1e-3, changes)
                for base, changes in ((other, change), (usual, {}))}  # fmt: skip
    records = [r for base in (usual, other) for r in _records(base, searches[base.key])]
    groups = robustness.tuned_groups(tuned_study("x-tuned", {}), records, searches)
    ((field, value),) = change.items()
    assert [group.label for group in groups] == ["as declared", f"{field}={value}"]
    assert all({arm: list(its) for arm, its in g.records.items()} == {"none": [0, 1], "final BN": [0, 1]}
               for g in groups)  # fmt: skip
    assert not robustness.tuned_groups(tuned_study("x-tuned", {}), records, {})


def test_arms_that_came_to_the_same_configuration_keep_their_names(tmp_path: Path) -> None:
    base = Configuration()
    search = _found(base, ("none",), 1e-3, {})
    records = [record.model_copy(update={"arm": "focal loss"}) for record in _records(base, search)]
    (group,) = robustness.tuned_groups(tuned_study("x-tuned", {}), records, {base.key: search})
    assert {record.arm for record in group.records["none"].values()} == {"none"}


def test_a_damaged_file_of_a_search_is_one_line(tmp_path: Path) -> None:
    folder = RunFolder(str(tmp_path))
    folder.put("search/x-tuned.json", b'{"k": {"changes"')
    with pytest.raises(RecordError, match=r"x-tuned\.json is damaged"):
        search_results.recall_search_results(folder, "x-tuned")
