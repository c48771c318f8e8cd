"""Verified files as registered MLflow models: found, loaded, served over HTTP and taken to a device."""

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

import numpy as np
import pytest

from export import edge
from study.exporting import main as export
from study.studies import find
from study.tracking.model_registry import CHAMPION
from trainables.configuration import Trial
from trainables.data.images import Images
from trainables.run import run
from trainables.storage.record import Record
from trainables.storage.run_folder import PREDICTIONS, RunFolder
from trainables.training.inputs import Inputs

MODEL = "final-bn-digits-smoke"


@pytest.fixture(scope="module")
def registered(tmp_path_factory: pytest.TempPathFactory, digits: Images) -> tuple[str, RunFolder, Record]:
    """A smoke-sized pair of arms, exported twice; returns the tracking URI, the run folder and the treated run."""
    runs = tmp_path_factory.mktemp("runs")
    folder, (study,) = RunFolder(str(runs)), find(["digits-smoke"])
    for name in (study.pairs[0].treated, study.pairs[0].control):
        list(run(Trial(study.name, name, study.arm(name).configuration, (0,)), Inputs(digits), folder))
    for _ in range(2):  # the second time everything is there already
        assert export([study.name, "--runs", str(runs)]) == 0
    record = folder.read(study.name, study.arm(study.pairs[0].treated).configuration.key, 0)
    assert record is not None
    return f"sqlite:///{runs}/mlflow.db", folder, record


def test_every_variant_is_a_version_once_and_the_champion_is_the_fold(
    registered: tuple[str, RunFolder, Record],
) -> None:
    from mlflow.tracking import MlflowClient

    client = MlflowClient(registered[0])
    versions = client.search_model_versions(f"name = '{MODEL}'")
    variants = sorted(version.tags["onnx.variant"] for version in versions)
    assert variants == sorted(("keep", "fold", "fold-recalibrated", "remove", "remove-recalibrated", "fold-fp16",
                               "fold-int8", "none", "none-recalibrated", "none-fp16", "none-int8"))  # fmt: skip
    best = client.get_model_version_by_alias(MODEL, CHAMPION)
    assert (best.tags["onnx.variant"], best.tags["onnx.deployable"]) == ("fold", "true")
    assert best.tags["study.key"] == registered[2].key
    assert "minority F1" in best.description


def test_the_description_of_a_configuration_leads_to_its_file(registered: tuple[str, RunFolder, Record]) -> None:
    """MLflow's pages take `#/experiments/E/runs/R/artifacts/PATH`: the file has to lie there."""
    from mlflow.tracking import MlflowClient

    uri, _, record = registered
    client = MlflowClient(uri)
    experiment = client.get_experiment_by_name(f"final-bn/{record.study}")
    query = f"tags.`study.level` = 'configuration' and tags.`study.key` = '{record.key}'"
    (found,) = client.search_runs([experiment.experiment_id], query)
    note = found.data.tags["mlflow.note.content"]
    number, run_id, path = re.findall(r"\(#/experiments/(\d+)/runs/(\w+)/artifacts/(\S+)\)", note)[0]
    assert number == experiment.experiment_id
    assert path == "onnx/fold.onnx"
    assert path in [file.path for file in client.list_artifacts(run_id, "onnx")]
    assert record.arm in note


def test_a_changed_study_has_a_name_of_its_own_and_leaves_the_alias(
    registered: tuple[str, RunFolder, Record], digits: Images
) -> None:
    from mlflow.tracking import MlflowClient

    uri, folder, record = registered
    before = MlflowClient(uri).get_model_version_by_alias(MODEL, CHAMPION)
    changed = record.typed_configuration().replace({"optimiser.learning_rate": 3e-3})
    list(run(Trial(record.study, record.arm, changed, (0,)), Inputs(digits), folder))
    assert export([record.study, "--key", changed.key, "--runs", folder.url]) == 0
    assert MlflowClient(uri).get_model_version_by_alias(MODEL, CHAMPION).version == before.version
    names = {model.name for model in MlflowClient(uri).search_registered_models()}
    assert len(names) == 2
    assert all(name.startswith(MODEL) for name in names)


@pytest.mark.timeout(180)
def test_the_champion_is_served_over_http_with_the_right_classes(
    registered: tuple[str, RunFolder, Record], digits: Images, tmp_path: Path
) -> None:
    uri, folder, record = registered
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    server = subprocess.Popen(
        [sys.executable, "-m", "mlflow", "models", "serve", "--model-uri", f"models:/{MODEL}@{CHAMPION}",
         "--env-manager", "local", "--host", "127.0.0.1", "--port", str(port)],
        env={**os.environ, "MLFLOW_TRACKING_URI": uri, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"},
        cwd=tmp_path, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True,
    )  # fmt: skip
    try:
        for _ in range(900):
            try:
                urllib.request.urlopen(f"http://127.0.0.1:{port}/ping", timeout=5).close()
                break
            except (urllib.error.URLError, ConnectionError):
                assert server.poll() is None
                time.sleep(0.1)
        known = folder.tensors(record, PREDICTIONS)
        some = slice(0, None, 10)
        pixels = digits.pixels[known["test/positions"][some]].transpose(0, 2, 3, 1)
        request = urllib.request.Request(
            f"http://127.0.0.1:{port}/invocations", json.dumps({"inputs": pixels.tolist()}).encode(),
            {"Content-Type": "application/json"},
        )  # fmt: skip
        with urllib.request.urlopen(request, timeout=30) as answer:
            (probabilities,) = json.load(answer)["predictions"].values()
        decided = np.array(probabilities).argmax(axis=1)
        np.testing.assert_array_equal(decided, known["test/scores"][some].argmax(axis=1))
        assert len(set(decided.tolist())) == 2
    finally:
        os.killpg(server.pid, signal.SIGKILL)
        server.wait()


def test_a_model_from_the_registry_runs_on_a_device(
    registered: tuple[str, RunFolder, Record], digits: Images, tmp_path: Path, clean_python: str
) -> None:
    from mlflow.tracking import MlflowClient
    from PIL import Image

    version = MlflowClient(registered[0]).get_model_version_by_alias(MODEL, CHAMPION)
    shutil.copy(Path(str(version.source), "model.onnx"), tmp_path)
    shutil.copy(edge.__file__, tmp_path / "edge.py")
    eights = np.flatnonzero(digits.labels == 8)[:20]
    (tmp_path / "photos").mkdir()
    for i in eights:
        Image.fromarray(digits.pixels[np.array([i])][0, 0]).save(tmp_path / "photos" / f"{i}.png")
    done = subprocess.run([clean_python, "edge.py", "model.onnx", "photos", "--json"], cwd=tmp_path,
                          capture_output=True, text=True, check=False)  # fmt: skip
    assert done.returncode == 0, done.stderr
    found = [json.loads(line)["class"] for line in done.stdout.splitlines()]
    assert len(found) == 20
    assert set(found) <= {"8", "others"}
    assert found.count("8") > 10
