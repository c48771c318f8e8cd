"""Runs an exported classifier on a device: this one file, numpy and onnxruntime, and Pillow to read image files.

    python -m export.edge MODEL.onnx IMAGE_OR_FOLDER ...      (or: python edge.py MODEL.onnx ...)

It knows nothing of the project it lies in, so that it can be copied to where the model goes. Exit codes: 0 done, 1 some
files are no images (named; the others are done), 2 nothing could be done.
"""

import argparse
import json
import os
import struct
import sys
import time
from pathlib import Path

import numpy as np
import onnxruntime as ort

SUFFIXES = (".jpg", ".jpeg", ".png", ".bmp", ".gif", ".tif", ".tiff", ".webp")
WARM_UP, RUNS, THROUGHPUT_BATCH = 10, 200, 32


class EdgeError(Exception):
    """What a user can cause; the message is one line."""


class Classifier:
    """A model of `python -m export`: uint8 (batch, height, width, channels) -> probabilities (batch, classes)."""

    def __init__(self, path: Path, threads: int = 1) -> None:
        """Loads a model file; raises EdgeError for what is no such model."""
        options = ort.SessionOptions()
        options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
        options.log_severity_level = 3
        try:
            self._session = ort.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
        except Exception as error:  # onnxruntime raises its own kinds for missing, damaged and foreign files
            raise EdgeError(f"{path}: not a model onnxruntime can load ({str(error).splitlines()[0][:160]})") from error
        inputs = self._session.get_inputs()
        if len(inputs) != 1:
            raise EdgeError(f"{path}: takes {len(inputs)} inputs; one, of images, is needed")
        value = inputs[0]
        batch, sizes = (value.shape[0], value.shape[1:]) if len(value.shape) == 4 else (0, [])
        fixed = len(sizes) == 3 and all(isinstance(size, int) for size in sizes) and sizes[2] in (1, 3)
        any_batch = not isinstance(batch, int) or batch == 1
        if value.type != "tensor(uint8)" or not fixed or not any_batch:
            shape = ", ".join(map(str, value.shape))
            raise EdgeError(
                f"{path}: takes {value.type} ({shape}); needed is uint8 (batch, height, width, channels): any batch "
                "or 1, height and width given, 1 or 3 channels"
            )
        self._name, self.one_by_one = value.name, batch == 1
        self.height, self.width, self.channels = sizes
        self.classes = self._class_names()

    def __call__(self, images: np.ndarray) -> np.ndarray:
        """Returns float32 probabilities (batch, classes) of uint8 images (batch, height, width, channels)."""
        expected = (self.height, self.width, self.channels)
        if images.dtype != np.uint8 or images.ndim != 4 or images.shape[1:] != expected:
            raise EdgeError(
                f"got {images.dtype} {images.shape}; uint8 (batch, {', '.join(map(str, expected))}) is needed"
            )
        parts = np.split(images, len(images)) if self.one_by_one else [images]
        try:
            return np.concatenate([np.asarray(self._session.run(None, {self._name: part})[0]) for part in parts])
        except Exception as error:  # onnxruntime raises its own kinds
            raise EdgeError(f"the model cannot be run ({str(error).splitlines()[0][:160]})") from error

    def _class_names(self) -> list[str]:
        """Returns the names in the file's metadata, numbers where it has none for its outputs."""
        found = self(np.zeros((1, self.height, self.width, self.channels), np.uint8))
        if found.ndim != 2 or len(found) != 1 or not np.issubdtype(found.dtype, np.floating):
            raise EdgeError(
                f"its first output is {found.dtype} {found.shape}; probabilities (batch, classes) are needed"
            )
        outputs = found.shape[1]
        try:
            known = json.loads(self._session.get_modelmeta().custom_metadata_map.get("classes", "[]"))
        except ValueError:
            known = []
        named = isinstance(known, list) and len(known) == outputs
        return [str(name) for name in known] if named else [str(i) for i in range(outputs)]

    def read(self, path: Path) -> np.ndarray:
        """Returns an image file as uint8 (height, width, channels): upright, grey or RGB, resized as in training."""
        try:
            from PIL import Image, ImageOps
        except ImportError:
            raise EdgeError("image files are read by Pillow, which is not installed: pip install pillow") from None

        try:
            with Image.open(path) as image:
                image.load()  # broken pixels are an error, a broken header is not
                try:
                    upright = ImageOps.exif_transpose(image)
                except (OSError, ValueError, SyntaxError, EOFError, struct.error):
                    upright = image
                if upright.mode.startswith("I;16"):
                    upright = Image.fromarray((np.asarray(upright) >> 8).astype(np.uint8))
                elif upright.mode in ("I", "F"):
                    upright = Image.fromarray(np.clip(np.asarray(upright) / 256, 0, 255).astype(np.uint8))
                upright = upright.convert("L" if self.channels == 1 else "RGB")
                if upright.size != (self.width, self.height):
                    upright = upright.resize((self.width, self.height), Image.Resampling.BILINEAR)
                return np.asarray(upright, dtype=np.uint8).reshape(self.height, self.width, self.channels)
        except (OSError, ValueError, SyntaxError, EOFError, struct.error, Image.DecompressionBombError) as error:
            raise EdgeError(f"{path}: not an image ({' '.join(str(error).split())[:160]})") from error


def find(places: list[Path]) -> list[Path]:
    """Returns the image files of files and folders; raises EdgeError for a folder without any."""
    found = []
    for place in places:
        if place.is_dir():
            its = sorted(path for path in place.rglob("*") if path.suffix.lower() in SUFFIXES)
            if not its:
                raise EdgeError(f"{place}: no image in this folder ({', '.join(SUFFIXES)})")
            found += its
        else:
            found.append(place)
    return found


def benchmark(path: Path) -> dict[str, float]:
    """Returns latency of one image (p50, p95, ms), images per second and peak memory (MiB), at 1 and at all threads.

    Memory is the whole process's so far: what all threads take includes what one took.
    """
    result: dict[str, float] = {}
    for threads in dict.fromkeys((1, os.cpu_count() or 1)):
        model = Classifier(path, threads)
        rng = np.random.default_rng(0)
        shape = (THROUGHPUT_BATCH, model.height, model.width, model.channels)
        images = rng.integers(0, 256, shape, dtype=np.uint8)
        times = []
        for i in range(WARM_UP + RUNS):
            started = time.perf_counter()
            model(images[:1])
            if i >= WARM_UP:
                times.append(1000 * (time.perf_counter() - started))
        started = time.perf_counter()
        for _ in range(5):
            model(images)
        rate = 5 * THROUGHPUT_BATCH / (time.perf_counter() - started)
        p50, p95 = np.percentile(times, [50, 95])
        result |= {f"p50_ms_{threads}_threads": float(p50), f"p95_ms_{threads}_threads": float(p95),
                   f"images_per_second_{threads}_threads": rate}  # fmt: skip
        try:
            import resource

            unit = 2**20 if sys.platform == "darwin" else 2**10
            peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit
            result[f"peak_memory_mib_{threads}_threads"] = peak
        except ImportError:  # Windows
            pass
    return result


def main(arguments: list[str]) -> int:
    """Classifies what the arguments name, prints a line each, and returns the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m export.edge", description="Classify images with an exported model.", allow_abbrev=False,
        epilog="example: python -m export.edge fold.onnx leaf.jpg photos/ --json",
    )  # fmt: skip
    parser.add_argument("model", metavar="MODEL.onnx", type=Path)
    parser.add_argument("images", metavar="IMAGE", nargs="*", type=Path, help="image files or folders")
    parser.add_argument("--json", action="store_true", help="one JSON object per image")
    parser.add_argument("--benchmark", action="store_true", help="latency, throughput and memory on random images")
    args = parser.parse_args(arguments)
    if not args.images and not args.benchmark:
        parser.error("name an image or a folder, or use --benchmark")
    try:
        if args.benchmark:
            found = benchmark(args.model)
            print(json.dumps(found) if args.json else "\n".join(f"{k:<32} {v:10.3f}" for k, v in found.items()))
            if not args.images:
                return 0
        return _classify(Classifier(args.model), find(args.images), args.json)
    except EdgeError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2


def _classify(model: Classifier, paths: list[Path], as_json: bool) -> int:
    failed = 0
    for path in paths:
        try:
            [p] = model(model.read(path)[None])
        except EdgeError as error:
            print(f"error: {error}", file=sys.stderr)
            failed += 1
            continue
        best = int(p.argmax())
        if as_json:
            named = {name: round(float(value), 6) for name, value in zip(model.classes, p, strict=True)}
            print(json.dumps({"image": str(path), "class": model.classes[best], "probabilities": named}))
        else:
            print(f"{path}  {model.classes[best]}  {p[best]:.4f}")
    return (2 if failed == len(paths) else 1) if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
