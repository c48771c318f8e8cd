"""What MLflow's pages show of a study first: a row per configuration, its arm and scores alone, the best on top.

MLflow keeps a view that somebody shares in a tag of the experiment, and an address names the tag. This project shares
one of its own: of some 170 columns those with the rare and the frequent class's F1, the gain and the ratio.
"""

import json
import math
from typing import Any
from urllib.parse import quote, urlencode

from study.evidence import Group
from study.locations import without_password
from study.studies import OWN, Study
from study.tracking.connection import tracking_errors
from study.tracking.contents import LEVEL
from study.tracking.tracker import KEY, Tracker
from trainables.configuration import Data
from trainables.evaluation import MAJORITY_F1, MINORITY_F1, VALIDATION_F1

GAIN, RATIO, VERSION = "test/f1-gain/minority", "study.ratio", "study.photos"
VIEW = "final-bn-scores"
_TAG = f"mlflow.sharedViewState.{VIEW}"
WIDTH_OF_SCORE = {  # columns in their order, in pixels
    f"metrics.`{MINORITY_F1}`": 132,
    f"metrics.`{MAJORITY_F1}`": 132,
    f"metrics.`{GAIN}`": 165,
    f"tags.`{RATIO}`": 110,
}
WIDTH_OF_OTHER = {"attributes.`Run Name`": 200, "runDateAndNestInfo": 36}
_OF_CONFIGURATIONS = f"tags.`{LEVEL}` = 'configuration'"


def show_scores(tracker: Tracker, group: Group) -> None:
    """Puts into MLflow what the view shows beside the logged metrics: each arm's gain and ratio, and the view itself.

    What is there already is not written again.

    Args:
        tracker: MLflow, with the group's runs in it.
        group: whose first pair with an arm gives its gain.

    Raises:
        TrackingError: whatever MLflow raised, on one line.
    """
    from mlflow.entities import Metric, RunTag

    experiment = tracker.experiment_id(group.study)
    pair_of_arm = {pair.treated: pair for pair in reversed(group.study.pairs)}
    with tracking_errors():
        view = view_of(group.study)
        if tracker.client.get_experiment(experiment).tags.get(_TAG) != view:
            tracker.client.set_experiment_tag(experiment, _TAG, view)
        runs = tracker.client.search_runs([experiment], _OF_CONFIGURATIONS, max_results=1000)
        run_of_key = {run.data.tags[KEY]: run for run in runs if KEY in run.data.tags}
        for arm in group.records:
            run, pair = run_of_key.get(group.first_record(arm).key), pair_of_arm.get(arm)
            if run is None:
                continue
            labels = tracker.labels(group.study, group.first_record(arm))
            words = {RATIO: ratio_in_words(group.configuration(arm).data), VERSION: labels.get(VERSION, "")}
            tags = [RunTag(name, text) for name, text in words.items() if text and run.data.tags.get(name) != text]
            gain = math.nan if pair is None else group.gain(arm, pair.control, MINORITY_F1).mean
            is_new = not math.isnan(gain) and run.data.metrics.get(GAIN) != gain
            metrics = [Metric(GAIN, gain, run.info.end_time or 0, 0)] if is_new else []
            if tags or metrics:
                tracker.client.log_batch(run.info.run_id, metrics=metrics, tags=tags)


def view_of(study: Study) -> str:
    """Returns the state of MLflow's list of runs, as its *Share* button would keep it; versions of a folder apart."""
    state: dict[str, Any] = {
        "searchFilter": _OF_CONFIGURATIONS,
        "orderByKey": f"metrics.`{VALIDATION_F1}`",
        "orderByAsc": False,
        "selectedColumns": list(WIDTH_OF_SCORE),
        "columnOrder": [*WIDTH_OF_OTHER, *WIDTH_OF_SCORE],  # of those beside the scores, which MLflow always shows
        "columnWidths": {**WIDTH_OF_OTHER, **WIDTH_OF_SCORE},
    }
    if study.name_parts.base == OWN:
        state["groupBy"] = {"aggregateFunction": "average", "groupByKeys": [{"mode": "tag", "groupByData": VERSION}]}
    return json.dumps(state)


def scores_address(server: str, experiment: str) -> str:
    """Returns the address where MLflow's pages at a server show an experiment's scores."""
    query = urlencode({"workflowType": "machine_learning", "viewStateShareKey": VIEW}, quote_via=quote)
    return f"{without_password(server).rstrip('/')}/#/experiments/{experiment}/runs?{query}"


def ratio_in_words(data: Data) -> str:
    """Returns "10 per 1000": rare to frequent training images; "as found" where their numbers are shares."""
    return "as found" if math.isnan(data.ratio) else f"{1000 * data.ratio:.3g} per 1000"
