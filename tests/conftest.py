"""Shared by all tests: fixed seeds, small images, a cluster that is started once."""

import os

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # before torch: as study.commandline sets it for its commands
import shutil
import subprocess
import venv
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch

from tests.support.chromium import chromium_options
from trainables.configuration import Configuration
from trainables.data import datasets
from trainables.data.images import Images

if TYPE_CHECKING:
    from selenium import webdriver


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leaves slow tests out unless they are asked for, by marker or by path; the files that take longest come first.

    How long is told by the time that their tests ask for; at the end both processes then have short ones left.
    """
    asked = "slow" in config.option.markexpr or any("faults" in str(argument) for argument in config.args)
    seconds: dict[Path, float] = {}
    for item in items:
        if "slow" in item.keywords and not asked:
            item.add_marker(pytest.mark.skip(reason="slow: python -m pytest tests/faults, or -m slow"))
        elif asks := item.get_closest_marker("timeout"):
            seconds[item.path] = max(seconds.get(item.path, 0), asks.args[0])
    items.sort(key=lambda item: -seconds.get(item.path, 0))


@pytest.fixture(autouse=True)
def _fixed_seeds() -> None:
    torch.manual_seed(0)
    np.random.seed(0)
    torch.set_num_threads(1)


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("FINALBN_RUNS", "MLFLOW_TRACKING_URI", "RAY_ADDRESS"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture(scope="session")
def digits() -> Images:
    return datasets.load_images("digits", Path())


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The folder of real data; tests that need it are skipped where there is none."""
    folder = os.environ.get("FINALBN_DATA")
    if not folder:
        pytest.skip("FINALBN_DATA is not set")
    return Path(folder).resolve()


@pytest.fixture
def browser(tmp_path: Path) -> "Iterator[webdriver.Chrome]":
    """A headless chromium; tests that need one are skipped where there is none."""
    chromium, chromedriver = shutil.which("chromium") or shutil.which("google-chrome"), shutil.which("chromedriver")
    if not (chromium and chromedriver):
        pytest.skip("no chromium with chromedriver here")
    from selenium import webdriver

    options = chromium_options()
    options.binary_location = chromium
    options.add_argument(f"--user-data-dir={tmp_path / 'profile'}")
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    with webdriver.Chrome(options, webdriver.ChromeService(chromedriver)) as driver:
        yield driver


@pytest.fixture
def tiny() -> Configuration:
    """A configuration that trains in well under a second and uses the final norm."""
    return Configuration().replace(
        {"data.train_majority": 128, "schedule.epochs": 3, "schedule.batch_size": 32, "network.final_norm": "batch"}
    )


@pytest.fixture(scope="session")
def clean_python(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The interpreter of a new environment that has what export/edge.py needs and nothing else."""
    folder = tmp_path_factory.mktemp("clean")
    venv.create(folder, with_pip=True)
    python = str(folder / "bin" / "python")
    install = [python, "-m", "pip", "install", "--quiet", "numpy", "onnxruntime", "pillow"]
    if subprocess.run(install, capture_output=True, check=False).returncode:
        pytest.skip("no package index to be reached")
    return python


@pytest.fixture(scope="session")
def ray_local() -> Iterator[None]:
    """Ray on this machine with one CPU, started once for all tests of this process that use it.

    One slot is one process a command, whose imports are most of what a small study costs; pytest runs two such Rays.
    """
    import ray

    from study.execution import connect

    connect(num_cpus=1)
    yield
    ray.shutdown()
