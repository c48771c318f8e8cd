"""Every exact variant decides on every runtime as the trained network does; int8 and fp16 alike at all levels."""

import importlib.util
import os
from pathlib import Path

import numpy as np
import pytest

from export.runs import Exported, export_run
from export.verification import decided_differently, infer, open_session
from tests.support.networks import trained
from tests.support.runtimes import NEEDS, ORT_WEB, RUNTIMES, in_browser, served_page
from trainables.configuration import Configuration
from trainables.data import Images

NETWORKS: dict[str, dict[str, object]] = {
    "dense": {"schedule.epochs": 20},
    "cnn": {"network.name": "cnn"},
    "resnet18": {"network.name": "resnet18", "network.cut": "layer1", "data.image_size": 32, "schedule.epochs": 1},
}
IMAGES = 100
WEB = "onnxruntime-web"


@pytest.fixture(scope="module", params=NETWORKS)
def exported(
    request: pytest.FixtureRequest, digits: Images, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Exported, np.ndarray]:
    changes = {"data.train_majority": 128, "schedule.epochs": 3, "network.final_norm": "batch"}
    configuration = Configuration().replace(changes | NETWORKS[request.param])
    images = digits
    if configuration.network.name == "resnet18":
        pixels = digits.pixels[:].repeat(4, axis=2).repeat(4, axis=3).repeat(3, axis=1)
        images = Images(pixels, digits.labels, digits.class_names, digits.sample_names)
    folder = tmp_path_factory.mktemp("exported")
    runs, record = trained(configuration, images, folder / "runs")
    photos = np.ascontiguousarray(images.pixels[:IMAGES].transpose(0, 2, 3, 1))
    return export_run(record, runs, images, folder / "onnx", thorough=0), photos


@pytest.mark.timeout(180)
@pytest.mark.parametrize("runtime", [*RUNTIMES, WEB])
def test_files_load_and_decide_alike(
    runtime: str, exported: tuple[Exported, np.ndarray], request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    if runtime in NEEDS and importlib.util.find_spec(NEEDS[runtime]) is None:
        pytest.skip(f"{NEEDS[runtime]} is not installed: pip install '.[runtimes]'")
    if runtime == WEB and ORT_WEB not in os.environ:
        pytest.skip(f"{ORT_WEB} is not set: the dist folder of npm's onnxruntime-web")
    run, photos = exported
    reduced = {"fold-fp16", "fold-int8"}
    for variant, path in run.files.items():
        if variant in reduced and not runtime.startswith("onnxruntime, "):
            continue  # measured in study/results/runtimes.md
        expected = infer(open_session(path.read_bytes()), photos)
        if runtime == WEB:
            browser = request.getfixturevalue("browser")
            folder = tmp_path / variant
            folder.mkdir()
            with served_page(folder) as address:
                browser.get(address)
                outputs = in_browser(browser, path, photos)
        else:
            outputs = RUNTIMES[runtime](path, photos)
        changed, _ = decided_differently(outputs, expected)
        assert len(changed) == 0, variant
        if variant not in reduced:
            np.testing.assert_allclose(outputs, expected, atol=1e-5, err_msg=variant)
