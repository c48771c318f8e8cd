"""Every command in the documentation, run: on small images, or only planned where it would take long."""

import importlib
import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from study.studies import find
from trainables.configuration import Trial
from trainables.data.images import Images
from trainables.run import run
from trainables.storage.run_folder import RunFolder
from trainables.training.inputs import Inputs

ROOT = Path(__file__).parents[1]
PAGES = (
    *("README.md", "study/README.md", "study/FOR_REVIEWERS.md", "study/results/README.md"),
    *("export/README.md", "clusters/README.md"),
)
ELSEWHERE = {  # commands that another test, or CI itself, runs
    "python3 -m venv": "CI does it in a fresh clone",
    "python -m pytest": "CI does it",
    "pip install torch torchvision": "nothing: another index than CI's",
    "ray job submit": "tests/study/test_journey.py::test_ray_job_submit",
    "mlflow models serve": "tests/study/tracking/test_model_registry.py",
    "ray start --head": "tests/support/faults.py, on ports of its own",
    "ray get-auth-token": "tests/test_clusters.py",
    "mlflow server": "tests/test_clusters.py: its options exist; no PostgreSQL here",
    "pip install 'mlflow[auth]'": "nothing: a service of its own",
    "export ": "variables that its neighbours read",
    "nft ": "a firewall of somebody's own",
    "npm pack onnxruntime-web": "tests/export/test_browser.py tries the page where the package is at hand",
    "python -m http.server": "tests/export/test_browser.py",
}
PLANNED = {"study.grid": ["--dry-run"]}  # what it says and would run, without running it
PARSED = ("study.search",)  # tests/study/test_search_journey.py runs it


def _commands() -> Iterator[str]:
    for page in PAGES:
        for block in re.findall(r"```sh\n(.*?)```", (ROOT / page).read_text(), re.DOTALL):
            for line in block.replace("\\\n", " ").splitlines():
                yield line.partition("  #")[0].partition(" # ")[0].replace(".venv/bin/", "").strip()


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory, digits: Images) -> Path:
    """A working directory with what the documentation's examples name: images, models, weights, finished runs."""
    import torch
    from torchvision import models

    from export.runs.variants import export_run

    folder = tmp_path_factory.mktemp("place")
    rng = np.random.default_rng(0)
    for name, number in (("healthy", 30), ("sick leaf", 12), ("NAME", 12)):
        (folder / "PATH" / name).mkdir(parents=True)
        for i in range(number):
            pixels = rng.integers(0, 255, (32, 32, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(folder / "PATH" / name / f"plant{i % 6}_{i}.png")
    for name in ("others", "8"):
        (folder / "photos" / name).mkdir(parents=True)
    for path in ("leaf.jpg", "photos/others/a.png", "photos/8/b.png"):
        Image.fromarray(rng.integers(0, 255, (8, 8), dtype=np.uint8)).save(folder / path)
    for block in _python():
        first_line = block.splitlines()[0]
        if first_line.endswith(".py"):  # a file that the page's commands read
            (folder / first_line.removeprefix("# ")).write_text(block)
    torch.save(models.get_model("resnet18").state_dict(), folder / "weights.pt")
    (study,) = find(["digits"])
    for name in ("plain", "final BN"):
        trial = Trial("digits", name, study.arm(name).configuration.replace({"schedule.epochs": 2}), (0, 1))
        *_, last = run(trial, Inputs(digits), RunFolder(str(folder / "runs")))
    done = export_run(last.records[0], RunFolder(str(folder / "runs")), digits, folder / "onnx", reduced=False)
    (folder / "model.onnx").write_bytes(done.files["keep"].read_bytes())
    (folder / "fold.onnx").write_bytes(done.files["fold"].read_bytes())
    return folder


@pytest.mark.timeout(180)  # the verdicts of all studies
@pytest.mark.parametrize("command", dict.fromkeys(_commands()), ids=str)
def test_the_command_works(command: str, place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if any(command.startswith(known) for known in ELSEWHERE):
        return
    monkeypatch.chdir(place)
    monkeypatch.syspath_prepend(place)
    python, dash, module, *words = shlex.split(command)
    assert (python, dash) == ("python", "-m"), f"{command!r} is run by no test"
    arguments = [word.replace("PATH", "weights.pt") if word == "PATH" else word for word in words]
    name = "study.exporting" if module == "export" else module
    if module in PARSED:
        importlib.import_module(name).parser().parse_args(arguments)
        return
    below = {1} if module == "export.evaluate" else set()  # noise is no eight
    assert importlib.import_module(name).main([*arguments, *PLANNED.get(module, [])]) in {0} | below


def _python() -> list[str]:
    return re.findall(r"```python\n(.*?)```", (ROOT / "study" / "README.md").read_text(), re.DOTALL)


@pytest.mark.parametrize("block", _python(), ids=lambda block: block.splitlines()[0])
def test_the_python_of_the_studies_page_runs(block: str, place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(place)
    exec(block, {})


def test_every_option_in_the_tables_exists() -> None:
    """Options that prose and tables name belong to some command."""
    helps = "".join(
        importlib.import_module(name).parser().format_help()
        for name in ("study.grid", "study.report", "study.search", "study.doctor", "study.exporting")
    )
    helps += importlib.import_module("export.surgery.command").make_parser("fold", "").format_help()
    devices = "".join((ROOT / "export" / name).read_text() for name in ("edge.py", "evaluate.py"))
    known = set(re.findall(r"--[a-z][a-z0-9-]+", helps + devices)) | {
        "--bind",
        "--directory",
        "--storage",
        "--env-manager",
        "--model-uri",
        "--port",
        "--allowed-hosts",
        "--no-deps",
        "--rm",
        "--shm-size",
        "--target",
        "--nodes",
    }
    for page in PAGES:
        text = re.sub(r"```sh\n.*?```", "", (ROOT / page).read_text(), flags=re.DOTALL)
        named = {
            option
            for span in re.findall(r"`([^`]+)`", text)
            for option in re.findall(r"(?<!\S)--[a-z][a-z0-9-]+", span)
        }
        assert named <= known, f"{page} names {named - known}"


def test_links_lead_somewhere() -> None:
    for page in PAGES:
        for target in re.findall(r"\]\(([^)#]+)\)", (ROOT / page).read_text()):
            if "://" not in target:
                assert (ROOT / page).parent.joinpath(target).exists(), f"{page}: {target}"


def test_prose_fits_a_line() -> None:
    for page in (*PAGES, "study/CHANGELOG.md"):
        code = False
        for number, line in enumerate((ROOT / page).read_text().splitlines(), start=1):
            code ^= line.startswith("```")
            assert code or line.startswith("|") or len(line) <= 120, f"{page}:{number} has {len(line)} characters"
