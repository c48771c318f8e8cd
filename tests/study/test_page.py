"""The page of a study: self-contained, complete, and it works in a real browser."""

import html
import json
import re
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

from study import report
from study.page import most_wrong
from study.studies import find
from trainables.images import Images, Inputs
from trainables.records import RunFolder
from trainables.run import Trial, run

CHROMIUM = next(
    (path for name in ("chromium", "chromium-browser", "google-chrome") if (path := shutil.which(name))), ""
)

# runs in the page: errors, pictures that did not load, and what a click on a column does to the first table
PROBE = """<script>
const failed = [];
window.addEventListener("error", (event) => failed.push(event.message));
console.error = (...words) => failed.push(words.join(" "));
window.addEventListener("load", () => {
  const pictures = [...document.images].map((image) => { image.loading = "eager"; return image; });
  Promise.all(pictures.map((image) => image.decode().catch(() => failed.push(image.alt)))).then(() => {
    const table = document.querySelectorAll("table")[0], head = table.tHead.rows[0].cells[2];
    const column = () => [...table.tBodies[0].rows].map((row) => row.cells[2].innerText);
    head.querySelector("button").click();
    const up = column();
    head.querySelector("button").click();
    const found = {failed, pictures: pictures.length, up, down: column(), sort: head.getAttribute("aria-sort"),
      wide: document.documentElement.scrollWidth > window.innerWidth};
    document.body.insertAdjacentHTML("beforeend", `<pre id="found">${JSON.stringify(found)}</pre>`);
  });
});
</script>"""


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
    assert not re.findall(r"""(?:src|href)=["'](?!data:)""", text)
    assert "http://" not in text.replace("http://127.0.0.1", "")
    assert text.count("data:image/png;base64,") >= 2 + 1  # the figures, and images that are decided wrongly
    for word in ("In plain words", "H0: the final BN lifts the minority F1", "paired gain of the final BN",
                 "Most confidently wrong test images (final BN)", "python -m study.grid digits --smoke"):  # fmt: skip
        assert word in text
    judged = [claim for claim in find(["digits-smoke"])[0].claims if "final BN" in claim.treated]
    assert text.count("<li class=") == len(judged) >= 3  # claims on arms without runs are left out


def test_it_is_beside_its_runs_in_mlflow(page: Path) -> None:
    from mlflow.tracking import MlflowClient

    client = MlflowClient(f"sqlite:///{page.parents[1]}/mlflow.db")
    experiment = client.get_experiment_by_name("final-bn/digits-smoke")
    (found,) = client.search_runs([experiment.experiment_id], "tags.`study.arm` = 'final BN' and "
                                  "tags.`study.level` = 'configuration'")  # fmt: skip
    assert [file.path for file in client.list_artifacts(found.info.run_id, "page")] == ["page/digits-smoke.html"]


@pytest.mark.skipif(not CHROMIUM, reason="no chromium here")
@pytest.mark.parametrize("width", [1200, 400])
def test_in_a_real_browser(page: Path, tmp_path: Path, width: int) -> None:
    probed = tmp_path / "probed.html"
    probed.write_text(page.read_text().replace("<body>", f"<body>{PROBE}", 1))
    command = [CHROMIUM, "--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={tmp_path / 'profile'}",
               f"--window-size={width},900", "--virtual-time-budget=20000", "--dump-dom", probed.as_uri()]  # fmt: skip
    shown = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60).stdout
    *_, written = re.findall(r'<pre id="found">(.*?)</pre>', shown, re.DOTALL)  # the probe's own text is the first
    found = json.loads(html.unescape(written))
    assert found["failed"] == []
    assert found["pictures"] >= 3
    assert not found["wide"], "the page is wider than its window"
    assert found["sort"] == "descending"
    assert found["down"] == found["up"][::-1] == sorted(found["up"], reverse=True)
    assert len(set(found["up"])) > 1


def test_the_most_confident_mistakes_come_first() -> None:
    p = np.array([[0.9, 0.1], [0.2, 0.8], [0.4, 0.6], [0.3, 0.7]])
    labels = np.array([0, 0, 0, 1])
    assert most_wrong(p, labels).tolist() == [1, 2]
    assert most_wrong(p, labels, number=1).tolist() == [1]
