"""Runtimes that exported files go to: a file and images in, probabilities out."""

import base64
import os
import shutil
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import onnxruntime

from export import edge
from export.verification import infer, open_session

if TYPE_CHECKING:
    from selenium import webdriver

Runtime = Callable[[Path, np.ndarray], np.ndarray]  # uint8 (n, height, width, channels) -> (n, classes)
ORT_WEB = "FINALBN_ORT_WEB"  # the environment variable that names the dist folder of npm's onnxruntime-web


def _onnxruntime(level: onnxruntime.GraphOptimizationLevel, path: Path, images: np.ndarray) -> np.ndarray:
    return infer(open_session(path.read_bytes(), level), images)


def _reference(path: Path, images: np.ndarray) -> np.ndarray:
    from onnx.reference import ReferenceEvaluator

    evaluator = ReferenceEvaluator(str(path))
    parts = [np.asarray(next(iter(evaluator.run(None, {evaluator.input_names[0]: part})))) for part in _batches(images)]
    return np.concatenate(parts)


def _openvino(path: Path, images: np.ndarray) -> np.ndarray:
    import openvino

    compiled = openvino.Core().compile_model(str(path), "CPU")
    return np.concatenate([np.array(compiled(part)[0]) for part in _batches(images)])


def _opencv(path: Path, images: np.ndarray) -> np.ndarray:
    import cv2

    network = cv2.dnn.readNetFromONNX(str(path))
    outputs = []
    for part in _batches(images):
        network.setInput(part)
        outputs.append(np.array(network.forward()))
    return np.concatenate(outputs)


RUNTIMES: Mapping[str, Runtime] = {
    **{
        f"onnxruntime, {name.removeprefix('ORT_').lower().replace('_', ' ')}": partial(_onnxruntime, level)
        for name, level in onnxruntime.GraphOptimizationLevel.__members__.items()
    },
    "onnx reference": _reference,
    "OpenVINO": _openvino,
    "OpenCV dnn": _opencv,
}
NEEDS = {"OpenVINO": "openvino", "OpenCV dnn": "cv2"}  # extra `runtimes`


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:
        """Says nothing."""


@contextmanager
def served_page(folder: Path) -> Iterator[str]:
    """Serves `browser.html` with the onnxruntime-web that the environment names; yields its address."""
    shutil.copy(Path(edge.__file__).with_name("browser.html"), folder)
    (folder / "onnxruntime-web").symlink_to(Path(os.environ[ORT_WEB]).resolve())
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(_Quiet, directory=str(folder)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/browser.html"
    finally:
        server.shutdown()
        server.server_close()


def in_browser(browser: "webdriver.Chrome", path: Path, images: np.ndarray) -> np.ndarray:
    """Returns what onnxruntime-web gives in the page that the browser shows."""
    browser.set_script_timeout(600)
    script = """
        const [model, images, count, height, width, done] = arguments;
        const bytes = (text) => Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
        (async () => {
          await load(bytes(model));
          const all = bytes(images), size = all.length / count, rows = [];
          for (let i = 0; i < count; i++)
            rows.push(await probabilities(all.slice(i * size, (i + 1) * size), height, width));
          return rows;
        })().then(done, (error) => done(String(error)));
    """
    model, pixels = (base64.b64encode(content).decode() for content in (path.read_bytes(), images.tobytes()))
    rows = browser.execute_async_script(script, model, pixels, len(images), *images.shape[1:3])
    if isinstance(rows, str):
        raise RuntimeError(rows)
    return np.array(rows, dtype=np.float32)


def _batches(images: np.ndarray, size: int = 16) -> list[np.ndarray]:
    return [images[i : i + size] for i in range(0, len(images), size)]
