"""The page of a study: self-contained, complete, and it works in a real browser."""

import re
from pathlib import Path

import pytest
from selenium import webdriver
from selenium.webdriver.common.by import By
from selenium.webdriver.support.wait import WebDriverWait

from study import report
from study.studies import find
from trainables.configuration import Trial
from trainables.data.images import Images
from trainables.run import run
from trainables.storage.run_folder import RunFolder
from trainables.training.inputs import Inputs


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory, digits: Images) -> Path:
    runs = tmp_path_factory.mktemp("runs")
    (study,) = find(["digits-smoke"])
    for arm in [arm for arm in study.arms if arm.name in ("plain", "weighted loss", "final BN")]:
        list(run(Trial(study.name, arm.name, arm.configuration, (0, 1)), Inputs(digits), RunFolder(str(runs))))
    assert report.main([study.name, "--format", "html", "--runs", str(runs)]) == 0
    return runs / "pages" / "digits-smoke.html"


def test_it_holds_everything_and_needs_nothing_else(page: Path) -> None:
    text = page.read_text()
    assert not re.findall(r"""(?:src|href)=["'](?!data:|#)""", text)
    assert "http://" not in text.replace("http://127.0.0.1", "")
    assert text.count("<svg ") == 3  # the figures
    assert text.count("data:image/png;base64,") >= 1  # images that are decided wrongly
    ids = re.findall(r'id="([^"]*)"', text)
    assert len(set(ids)) == len(ids)
    for words in (
        "In plain words",
        "H0: the final BN lifts the minority F1",
        "paired gain of the final BN",
        "Most confidently wrong test images (final BN)",
        "python -m study.grid digits --smoke",
    ):
        assert words in text
    judged = [claim for claim in find(["digits-smoke"])[0].claims if "final BN" in claim.treated]
    assert text.count("<li class=") == len(judged) >= 3  # claims on arms without runs are left out


def test_it_is_beside_its_runs_in_mlflow(page: Path) -> None:
    from mlflow.tracking import MlflowClient

    client = MlflowClient(f"sqlite:///{page.parents[1]}/mlflow.db")
    experiment = client.get_experiment_by_name("final-bn/digits-smoke")
    of_arm = "tags.`study.arm` = 'final BN' and tags.`study.level` = 'configuration'"
    (parent_run,) = client.search_runs([experiment.experiment_id], of_arm)
    assert [file.path for file in client.list_artifacts(parent_run.info.run_id, "page")] == ["page/digits-smoke.html"]


@pytest.mark.parametrize("width", [1200, 400])
def test_in_a_real_browser(page: Path, browser: webdriver.Chrome, width: int) -> None:
    metrics = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width < 600}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)  # a window cannot be as narrow as a phone
    browser.get(page.as_uri())
    pictures = browser.find_elements(By.TAG_NAME, "img")
    for picture in pictures:  # seen, so that those that load late do
        browser.execute_script("arguments[0].scrollIntoView()", picture)
    WebDriverWait(browser, 60).until(
        lambda _: all(picture.get_property("complete") and picture.get_property("naturalWidth") for picture in pictures)
    )
    assert len(pictures) >= 1
    assert browser.execute_script("return document.documentElement.scrollWidth") <= width, "wider than its window"

    table = browser.find_element(By.TAG_NAME, "table")
    head = table.find_elements(By.CSS_SELECTOR, "thead th")[2]

    def sorted_by_a_click() -> list[str]:
        browser.execute_script("arguments[0].scrollIntoView({block: 'center'})", head)
        head.find_element(By.TAG_NAME, "button").click()
        return [cell.text for cell in table.find_elements(By.CSS_SELECTOR, "tbody tr td:nth-child(3)")]

    up, down = sorted_by_a_click(), sorted_by_a_click()
    assert head.get_attribute("aria-sort") == "descending"
    assert down == up[::-1] == sorted(up, reverse=True)
    assert len(set(up)) > 1
    numbers = ["[+0.1, +0.2]", "0.889 ± 0.012", "12 of 300", "1,234", "-0.5", "1e-05"]
    words = ["3 against 8", "8 / 3", "final BN", "2 classes"]
    are_numbers = browser.execute_script("return arguments[0].map((text) => NUMBER.test(text))", numbers + words)
    assert are_numbers == [True] * len(numbers) + [False] * len(words)
    assert browser.execute("getLog", {"type": "browser"})["value"] == []  # what its console shows
