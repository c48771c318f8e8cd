"""What a search's tables say, from a made-up search of two arms over a design of three settings."""

from dataclasses import replace
from pathlib import Path

from study.evidence import Group, SearchResult, Setting, tuned_groups
from study.reporting.tables import search_tables
from study.reporting.tables.search import robustness_of
from study.studies import FINAL, NONE, SEARCH_ARMS, Choice, Range, Values, tuned_study
from tests.support.records import make_record, write_runs
from tests.support.tables import header_of, rows_of
from trainables.configuration import Configuration
from trainables.storage import PREDICTIONS, RunFolder

SPACE = (Range("optimiser.learning_rate", 1e-4, 1e-1, log=True), Choice("schedule.batch_size", (16, 32)))
DESIGN: list[Values] = [
    {"optimiser.learning_rate": 0.001, "schedule.batch_size": 16},
    {"optimiser.learning_rate": 0.01, "schedule.batch_size": 32},
    {"optimiser.learning_rate": 0.1, "schedule.batch_size": 16},
]
WINNING = {arm: Configuration().replace(SEARCH_ARMS[arm] | DESIGN[1]) for arm in (NONE, FINAL)}


def _search() -> SearchResult:
    scores = {NONE: (0.1, 0.5, 0.3), FINAL: (0.2, 0.9, 0.8)}
    settings = {
        arm: [Setting(DESIGN[place], place, "complete", (score,)) for place, score in enumerate(scores_of_arm)]
        for arm, scores_of_arm in scores.items()
    }
    settings[NONE] += [Setting(DESIGN[0], None, "failed", (), "NaN"), Setting(DESIGN[0], None, "pruned", ())]
    winners = {arm: configuration.key for arm, configuration in WINNING.items()}
    importances: dict[str, dict[str, float]] = {NONE: {}, FINAL: {"optimiser.learning_rate": 0.75}}
    return SearchResult({}, ("minority_f1",), 5, winners, SPACE, DESIGN, settings, importances)


def _group(runs: Path) -> tuple[Group, RunFolder]:
    records = [
        make_record(arm, seed, configuration, {"test/auroc/minority": 0.5}, study="s-tuned")
        for arm, configuration in WINNING.items()
        for seed in (0, 1)
    ]
    folder = write_runs(runs, records)
    written = list(folder.records("s-tuned"))
    (group,) = tuned_groups(tuned_study("s-tuned", {}), written, {"base": _search()})
    return group, folder


def test_every_table_of_a_search(tmp_path: Path) -> None:
    group, folder = _group(tmp_path)
    settings, robustness, importances, thresholds = search_tables(group, _search(), folder)
    assert header_of(settings)[2:] == ["complete", "pruned", "failed", "score", "learning_rate", "batch_size"]
    assert rows_of(settings) == [
        [NONE, WINNING[NONE].key, "3", "1", "1", "0.500", "0.01", "32"],
        [FINAL, WINNING[FINAL].key, "3", "0", "0", "0.900", "0.01", "32"],
    ]
    ((against, number, ahead, *_),) = rows_of(robustness)
    assert (against, number, ahead) == (NONE, "3", "3")
    assert rows_of(importances) == [[FINAL, "0.75", "0.00"]]
    rows = {row[0]: row[1:] for row in rows_of(thresholds)}
    assert rows[FINAL][2:4] == ["", ""], "an arm has no gain over itself"
    assert rows[NONE][2:4] == ["0.000 ± 0.000"] * 2, "all runs have the same made-up predictions"
    assert rows[NONE][-2:] == ["-", "0.500 ± 0.000"]


def test_a_run_whose_predictions_are_damaged_is_left_out(tmp_path: Path) -> None:
    group, folder = _group(tmp_path)
    (tmp_path / "s-tuned" / WINNING[NONE].key / "seed-0" / PREDICTIONS).write_bytes(b"")
    *_, thresholds = search_tables(group, _search(), folder)
    rows = {row[0]: row[1:] for row in rows_of(thresholds)}
    assert "±" not in rows[NONE][0], "one seed is left"
    assert "±" in rows[FINAL][0]


def test_two_objectives_or_no_final_bn_have_no_robustness() -> None:
    search = _search()
    assert [robustness.control for robustness in robustness_of(search)] == [NONE]
    assert robustness_of(replace(search, objectives=("minority_f1", "latency"))) == []
    assert robustness_of(replace(search, settings={NONE: search.settings[NONE]})) == []
