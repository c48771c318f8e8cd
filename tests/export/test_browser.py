"""The page in a real browser, with the onnxruntime-web that FINALBN_ORT_WEB names; it decides as edge.py does."""

import json
import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from PIL import Image
from selenium import webdriver
from selenium.webdriver.common.by import By
from selenium.webdriver.support.wait import WebDriverWait

from export import edge
from export.conversion import Deployed, to_onnx, with_resize
from tests.support.runtimes import ORT_WEB, served_page
from trainables.configuration import Network
from trainables.networks import build_network

CLASSES = ["healthy", "<b>rare</b>"]
SHAPES = {"colour": (3, 20, 24), "grey": (1, 28, 28)}


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The page's address, with onnxruntime-web beside it."""
    if ORT_WEB not in os.environ:
        pytest.skip(f"{ORT_WEB} is not set: the dist folder of npm's onnxruntime-web")
    with served_page(tmp_path_factory.mktemp("served")) as address:
        yield address


def _says(browser: webdriver.Chrome, part: str) -> None:
    said = browser.find_element(By.ID, "said")
    WebDriverWait(browser, 60).until(lambda _: part in said.text)


@pytest.mark.timeout(180)
@pytest.mark.parametrize("resize_inside", [False, True], ids=["resized by the page", "resized inside"])
@pytest.mark.parametrize("kind", SHAPES)
def test_the_page_classifies_as_edge_does(
    kind: str, resize_inside: bool, address: str, browser: webdriver.Chrome, tmp_path: Path
) -> None:
    torch.manual_seed(0)
    shape = SHAPES[kind]
    network = Deployed(build_network(Network(name="cnn", final_norm="batch"), shape, 2), "softmax")
    model = to_onnx(network, shape, {"classes": json.dumps(CLASSES)})
    path = tmp_path / "model.onnx"
    onnx.save(with_resize(model) if resize_inside else model, path)
    noise = np.random.default_rng(0).integers(0, 256, (90, 61, 3), dtype=np.uint8)
    smooth = Image.fromarray(noise[:5, :4].copy()).resize((300, 200), Image.Resampling.BICUBIC)
    exif = Image.Exif()
    exif[274] = 6  # to be turned by 90 degrees
    Image.fromarray(noise).save(tmp_path / "noise.png")
    smooth.save(tmp_path / "smooth.png")
    smooth.save(tmp_path / "turned.jpg", exif=exif, quality=100, subsampling=0)
    classifier = edge.Classifier(path)
    browser.get(address)
    browser.find_element(By.ID, "model").send_keys(str(path))
    _says(browser, "model loaded: healthy, <b>rare</b>")
    for name in ("noise.png", "smooth.png", "turned.jpg"):
        browser.find_element(By.ID, "file").send_keys(str(tmp_path / name))
        _says(browser, f"{name}: ")
        rows = [row.text.split() for row in browser.find_elements(By.CSS_SELECTOR, "#result tr")]
        assert [row[0] for row in rows] == CLASSES
        expected = classifier.classify(tmp_path / name)
        assert [float(row[-1]) for row in rows] == pytest.approx(expected.tolist(), abs=2e-3), name
    assert browser.execute("getLog", {"type": "browser"})["value"] == []  # what its console shows


@pytest.mark.timeout(120)
def test_what_is_wrong_is_said(address: str, browser: webdriver.Chrome, tmp_path: Path) -> None:
    (tmp_path / "broken.onnx").write_bytes(b"no model")
    (tmp_path / "text.png").write_text("no image")
    browser.get(address)
    browser.find_element(By.ID, "file").send_keys(str(tmp_path / "text.png"))
    _says(browser, "choose a model first")
    browser.find_element(By.ID, "model").send_keys(str(tmp_path / "broken.onnx"))
    _says(browser, "broken.onnx cannot be used")
