"""What exported files do on other runtimes, on whole test sets: the table of study/results/runtimes.md.

    python -m export digits --best
    FINALBN_ORT_WEB=package/dist python -m tests.benchmarks.runtimes --runs runs digits table5

Every variant of the exported runs goes through onnxruntime at each optimisation level, onnx's reference evaluator, and
what is installed of OpenVINO, OpenCV and (with npm's onnxruntime-web and a chromium) the browser. Decisions are
compared with those of the same file on onnxruntime as deployed, ties counted apart; how they compare with the trained
network's stands in verification.json.
"""

import argparse
import json
import os
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import numpy as np
import onnx
from rich.console import Console
from rich.progress import track

from export.runs.trained_network import TrainedRun, read_run
from export.verification import decided_differently
from study.commandline import remembered
from study.locations import data_root
from tests.support.chromium import chromium_options
from tests.support.runtimes import ORT_WEB, RUNTIMES, Runtime, in_browser, served_page
from trainables.common import first_line
from trainables.data import load_images
from trainables.storage import RunFolder


def exported_runs(study: str, folder: RunFolder, onnx_folder: Path, data: Path) -> Iterator[tuple[TrainedRun, Path]]:
    """Yields the exported runs of a study with the folder of their files."""
    records = {(record.key, record.seed): record for record in folder.records(study)}
    for place in sorted(onnx_folder.glob(f"{study}/*/seed-*/verification.json")):
        identity = json.loads(place.read_text())
        record = records[identity["key"], identity["seed"]]
        data_settings = record.typed_configuration().data
        images = load_images(data_settings.source, data, data_settings.image_size, remembered(folder))
        yield read_run(record, folder, images), place.parent


def row(runtime: Runtime, path: Path, images: np.ndarray, expected: np.ndarray) -> str:
    """Returns what a file does on a runtime: decisions changed of the images, or why it does not load."""
    try:
        outputs = runtime(path, images)
    except Exception as error:  # every runtime raises its own kinds
        return f"does not load ({first_line(error)[:60]})"
    if not np.isfinite(outputs).all():
        return "not finite"
    changed, ties = decided_differently(outputs, expected)
    return f"{len(changed)}" + (f" + {len(ties)} ties" if len(ties) else "")


def main() -> None:
    """Prints the table of every study as Markdown."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("studies", nargs="+")
    parser.add_argument("--runs", type=Path, default=Path("runs"))
    parser.add_argument("--onnx", type=Path, help="default: RUNS/onnx")
    parser.add_argument("--data-root")
    parser.add_argument("--images", type=int, help="of each test set; default all")
    parser.add_argument("--without", action="append", default=[], choices=RUNTIMES, help="leave a runtime out")
    parser.add_argument("--arm", help="only the runs of this arm")
    args = parser.parse_args()
    folder, console = RunFolder(str(args.runs)), Console(stderr=True)
    with ExitStack() as stack:
        runtimes = {name: runtime for name, runtime in RUNTIMES.items() if name not in args.without}
        if ORT_WEB in os.environ:
            runtimes["onnxruntime-web"] = _web(stack)
        for study in args.studies:
            for run, place in exported_runs(study, folder, args.onnx or args.runs / "onnx", data_root(args.data_root)):
                if args.arm not in (None, run.record.arm):
                    continue
                images = run.test.images[: args.images]
                network = run.configuration.network.name
                print(f"\n## {study}: {run.record.arm}, {network}, seed {run.record.seed}, {len(images)} test images\n")
                print(f"| variant | what is in fewer bits | {' | '.join(runtimes)} |")
                print(f"| --- | --- |{' ---: |' * len(runtimes)}")
                for path in track(sorted(place.glob("*.onnx")), place.name, console=console):
                    metadata = {entry.key: entry.value for entry in onnx.load(path).metadata_props}
                    cells = _cells(runtimes, path, images)
                    print(f"| {path.stem} | {metadata.get('reduced', '')} | {' | '.join(cells)} |", flush=True)
    packages = ("onnxruntime-gpu", "onnxruntime", "onnx", "openvino", "opencv-python-headless")
    print(f"\nWith {', '.join(_versions(packages))}.")


def _cells(runtimes: dict[str, Runtime], path: Path, images: np.ndarray) -> list[str]:
    """Returns the decisions changed on each runtime against the file as deployed on onnxruntime."""
    deployed = RUNTIMES["onnxruntime, enable all"](path, images)
    return [row(runtime, path, images, deployed) for runtime in runtimes.values()]


def _web(stack: ExitStack) -> Runtime:
    from selenium import webdriver

    address = stack.enter_context(served_page(Path(stack.enter_context(tempfile.TemporaryDirectory()))))
    browser = stack.enter_context(webdriver.Chrome(chromium_options()))
    browser.get(address)
    return lambda path, images: in_browser(browser, path, images)


def _versions(packages: tuple[str, ...]) -> Iterator[str]:
    for package in packages:
        try:
            yield f"{package} {version(package)}"
        except PackageNotFoundError:
            continue


if __name__ == "__main__":
    main()
