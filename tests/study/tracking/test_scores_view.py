"""The list of configurations that MLflow's pages open with: the scores alone, the best on top, each gain once."""

import json
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

import pytest

from study.evidence import group_records
from study.studies import Arm, Pair, Study, find
from study.tracking import open_tracker, scores_address, show_scores
from study.tracking.scores_view import GAIN, RATIO, VERSION, VIEW, ratio_in_words, view_of
from tests.support.records import make_record
from trainables.configuration import Configuration
from trainables.evaluation import MAJORITY_F1, MINORITY_F1, VALIDATION_F1
from trainables.storage import Record

NONE = Arm("none", Configuration())
FINAL = Arm("final", Configuration().replace({"network.final_norm": "batch"}))
STUDY = Study("s", "", "a title", (NONE, FINAL), (Pair("plain", "final", "none"),), ())


def _records(final_f1: float) -> list[Record]:
    records = []
    for arm, f1 in ((NONE, 0.25), (FINAL, final_f1)):
        for seed in (0, 1):
            metrics = {MINORITY_F1: f1, MAJORITY_F1: 0.5, VALIDATION_F1: f1}
            records.append(make_record(arm.name, seed, arm.configuration, metrics, study="s"))
    return records


@pytest.mark.timeout(240)
def test_the_address_shows_configurations_best_first_with_gain_and_ratio(tmp_path: Path) -> None:
    uri = f"sqlite:///{tmp_path}/mlflow.db"
    tracker = open_tracker(uri, str(tmp_path))
    for final_f1 in (0.75, 0.75, 1.0):  # shown again changes nothing; other records change the gain
        records = _records(final_f1)
        tracker.sync(STUDY, records)
        (group,) = group_records(STUDY, records)
        show_scores(tracker, group)
    experiment = tracker.experiment_id(STUDY)
    server, _, page = scores_address("http://user:secret@host:1/", experiment).partition("#")
    assert server == "http://user:***@host:1/"
    assert urlsplit(page).path == f"/experiments/{experiment}/runs"
    assert dict(parse_qsl(urlsplit(page).query)) == {"workflowType": "machine_learning", "viewStateShareKey": VIEW}
    shared = json.loads(tracker.client.get_experiment(experiment).tags[f"mlflow.sharedViewState.{VIEW}"])
    columns = [*(f"metrics.`{name}`" for name in (MINORITY_F1, MAJORITY_F1, GAIN)), f"tags.`{RATIO}`"]
    assert shared["selectedColumns"] == columns
    order = [f"{shared['orderByKey']} {'ASC' if shared['orderByAsc'] else 'DESC'}"]
    best, worst = tracker.client.search_runs([experiment], shared["searchFilter"], order_by=order)
    assert [run.info.run_name for run in (best, worst)] == ["final", "none"]
    assert best.data.metrics[GAIN] == 0.75
    assert GAIN not in worst.data.metrics
    assert best.data.tags[RATIO] == "10 per 1000"
    history = tracker.client.get_metric_history(best.info.run_id, GAIN)
    assert [metric.value for metric in history] == [0.5, 0.75]


def test_the_view_is_what_mlflow_keeps_of_a_shared_list() -> None:
    """The names that MLflow's pages read: of other versions too, or they open with every column."""
    import mlflow

    pages = Path(mlflow.__file__).parent / "server" / "js" / "build" / "static" / "js"
    scripts = "".join(path.read_text(encoding="utf-8") for path in pages.glob("*.js"))
    if not scripts:
        pytest.skip("this MLflow comes without its pages")
    (own,) = find(["images"])
    for name in ("viewStateShareKey", "mlflow.sharedViewState.", *json.loads(view_of(own))):
        assert name in scripts


def test_versions_of_a_folder_are_groups_of_their_own() -> None:
    own, declared = find(["images", "digits"])
    assert json.loads(view_of(own))["groupBy"]["groupByKeys"] == [{"mode": "tag", "groupByData": VERSION}]
    assert "groupBy" not in json.loads(view_of(declared))


@pytest.mark.parametrize(
    ("rare", "frequent", "words"),
    [("10", "1000", "10 per 1000"), ("25", "500", "50 per 1000"), ("1", "3000", "0.333 per 1000"),
     ("all", "all", "as found")],
)  # fmt: skip
def test_a_ratio_is_said_per_thousand(rare: str, frequent: str, words: str) -> None:
    data = Configuration().replace({"data.train_minority": rare, "data.train_majority": frequent}).data
    assert ratio_in_words(data) == words
