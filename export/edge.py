"""Runs an exported classifier on a device: this one file, numpy and onnxruntime, and Pillow to read image files.

    python -m export.edge MODEL.onnx IMAGE_OR_FOLDER ...      (or: python edge.py MODEL.onnx ...)

It knows nothing of the project it lies in, so that it can be copied to where the model goes. Exit codes: 0 done, 1 some
images cannot be classified (named; the others are done), 2 nothing could be done. Files of another kind than images
are named and passed over.
"""

import argparse
import json
import os
import struct
import sys
import time
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TextIO

import numpy as np
import onnxruntime as ort

SUFFIXES = (".jpg", ".jpeg", ".png", ".bmp", ".gif", ".tif", ".tiff", ".webp")
CPU = "CPUExecutionProvider"
WARM_UP, RUNS, THROUGHPUT_BATCH = 10, 200, 32
ANY_SIZE = 64  # pixels per side of the images that a model of any size is tried with


class EdgeError(Exception):
    """What a user can cause; the message is one line."""


class Classifier:
    """A model of `python -m export`: uint8 (batch, height, width, channels) -> probabilities (batch, classes).

    Attributes:
        height, width: of the images it takes; None where it resizes them itself.
        channels: 1 or 3.
        classes: names, in the order of the probabilities; numbers where the file has none.
        roles: "majority" or "minority" of each; empty where the file does not say.
        target: what the file's decision threshold was chosen for, such as "recall=0.95"; "" for none.
    """

    def __init__(self, path: Path, provider: str = CPU, threads: int = 1) -> None:
        """Loads a model file; raises EdgeError for what is no such model, or a provider that is not installed."""
        if provider not in ort.get_available_providers():
            allowed = ", ".join(ort.get_available_providers())
            raise EdgeError(f"provider {provider!r} is not in this onnxruntime; there are {allowed}")
        if os.path.exists(path) and not os.path.isfile(path):  # a FIFO would wait for ever
            raise EdgeError(f"{path}: not a regular file")
        options = ort.SessionOptions()
        options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
        options.log_severity_level = 3
        try:
            self._session = ort.InferenceSession(str(path), options, providers=[provider])
        except Exception as error:  # onnxruntime raises its own kinds for missing, damaged and foreign files
            raise EdgeError(f"{path}: not a model onnxruntime can load ({_first_line(error)})") from error
        inputs = self._session.get_inputs()
        if len(inputs) != 1:
            raise EdgeError(f"{path}: takes {len(inputs)} inputs; one, of images, is needed")
        value = inputs[0]
        batch, sizes = (value.shape[0], value.shape[1:]) if len(value.shape) == 4 else (0, [])
        size_is_given = [isinstance(size, int) for size in sizes[:2]]
        has_sizes = len(sizes) == 3 and len(set(size_is_given)) == 1 and sizes[2] in (1, 3)
        takes_any_batch = not isinstance(batch, int) or batch == 1
        if value.type != "tensor(uint8)" or not has_sizes or not takes_any_batch:
            shape = ", ".join(map(str, value.shape))
            raise EdgeError(
                f"{path}: takes {value.type} ({shape}); needed is uint8 (batch, height, width, channels): any batch "
                "or 1, height and width given or both free, 1 or 3 channels"
            )
        self.height: int | None = sizes[0] if all(size_is_given) else None
        self.width: int | None = sizes[1] if all(size_is_given) else None
        self._name, self.channels, self._one_by_one = value.name, sizes[2], batch == 1
        self._num_outputs = self._count_outputs()
        self.classes = self._names("classes") or [str(i) for i in range(self._num_outputs)]
        self.roles = self._names("roles")
        self.target = self._session.get_modelmeta().custom_metadata_map.get("target", "")

    def __call__(self, images: np.ndarray) -> np.ndarray:
        """Returns float32 probabilities (batch, classes) of uint8 images (batch, height, width, channels)."""
        expected = (*self._size_of(images), self.channels)
        if images.dtype != np.uint8 or images.ndim != 4 or images.shape[1:] != expected:
            needed = ", ".join(map(str, expected))
            raise EdgeError(f"got {images.dtype} {images.shape}; uint8 (batch, {needed}) is needed")
        parts = np.split(images, len(images)) if self._one_by_one else [images]
        try:
            return np.concatenate([np.asarray(self._session.run(None, {self._name: part})[0]) for part in parts])
        except Exception as error:  # onnxruntime raises its own kinds
            raise EdgeError(f"the model cannot be run ({_first_line(error)})") from error

    def classify(self, path: Path) -> np.ndarray:
        """Returns the probabilities (classes,) of one image file; raises EdgeError also where they are not finite."""
        [probabilities] = self(self.read(path)[None])
        if not np.isfinite(probabilities).all():
            raise EdgeError(f"{path}: the model gives no finite probabilities for it")
        return np.asarray(probabilities)

    def read(self, path: Path) -> np.ndarray:
        """Returns an image file as uint8 (height, width, channels): upright, grey or RGB, resized as in training."""
        try:
            from PIL import Image, ImageOps
        except ImportError:
            raise EdgeError("image files are read by Pillow, which is not installed: pip install pillow") from None

        if os.path.exists(path) and not os.path.isfile(path):  # a FIFO would wait for ever, a device has no end
            raise EdgeError(f"{path}: not an image (no regular file)")
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # Pillow's on large or odd files: they are read or refused
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
                    size = (self.width or upright.width, self.height or upright.height)
                    if upright.size != size:
                        upright = upright.resize(size, Image.Resampling.BILINEAR)
                    return np.asarray(upright, dtype=np.uint8).reshape(size[1], size[0], self.channels)
        except (OSError, ValueError, SyntaxError, EOFError, struct.error, Image.DecompressionBombError) as error:
            raise EdgeError(f"{path}: not an image ({_first_line(error)})") from error

    def _size_of(self, images: np.ndarray) -> tuple[int, int]:
        """Returns the height and width that images must have: given, or their own."""
        own = images.shape[1:3] if images.ndim == 4 else (ANY_SIZE, ANY_SIZE)
        return (own[0], own[1]) if self.height is None or self.width is None else (self.height, self.width)

    def _count_outputs(self) -> int:
        """Returns the number of classes; raises EdgeError for outputs that are no probabilities."""
        output = self(np.zeros((1, self.height or ANY_SIZE, self.width or ANY_SIZE, self.channels), np.uint8))
        if output.ndim != 2 or len(output) != 1 or not np.issubdtype(output.dtype, np.floating):
            raise EdgeError(f"its first output is {output.dtype} {output.shape}; probabilities (batch, classes) needed")
        return int(output.shape[1])

    def _names(self, key: str) -> list[str]:
        """Returns one name per output from the metadata; none where the file has none for its outputs."""
        try:
            value = json.loads(self._session.get_modelmeta().custom_metadata_map.get(key, "[]"))
        except ValueError:
            return []
        return [str(name) for name in value] if isinstance(value, list) and len(value) == self._num_outputs else []


def printable(text: object, encoding: str | None = None) -> str:
    """Returns a text as one line that every terminal takes: what is not printable or not in its encoding is escaped."""
    line = "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in str(text))
    return line.encode(encoding or "utf-8", "backslashreplace").decode(encoding or "utf-8")


def say(text: object, stream: TextIO | None = None) -> None:
    """Prints one line, escaped where it needs to be."""
    stream = stream or sys.stdout
    print(printable(text, stream.encoding), file=stream)


def find(places: Sequence[Path]) -> list[Path]:
    """Returns the image files of files (taken as they are) and folders; says what is passed over below those, and why.

    Raises:
        EdgeError: a folder without any image.
    """

    def skip(path: object, reason: object) -> None:
        say(f"passed over {path}: {reason}", sys.stderr)

    images = [place for place in places if not os.path.isdir(place)]
    for place in (place for place in places if os.path.isdir(place)):
        before, visited = len(images), set()
        for above, folders, names in os.walk(place, onerror=lambda e: skip(e.filename, e.strerror), followlinks=True):
            visited.add(os.path.realpath(above))
            folders[:] = sorted(name for name in folders if os.path.realpath(Path(above, name)) not in visited)
            for path in (Path(above, name) for name in sorted(names)):
                if path.suffix.lower() in SUFFIXES:
                    images.append(path)
                else:
                    skip(path, f"not one of {', '.join(SUFFIXES)}")
        if len(images) == before:
            raise EdgeError(f"{place}: no image in this folder ({', '.join(SUFFIXES)})")
    return images


def benchmark(path: Path, provider: str = CPU, threads: int | None = None) -> dict[str, float]:
    """Returns latency of one image (p50, p95, ms), images per second and peak memory (MiB) of the process so far.

    With no number of threads at 1 and at all of them.
    """
    result: dict[str, float] = {}
    for count in dict.fromkeys((threads,) if threads else (1, os.cpu_count() or 1)):
        model = Classifier(path, provider, count)
        rng = np.random.default_rng(0)
        shape = (THROUGHPUT_BATCH, model.height or ANY_SIZE, model.width or ANY_SIZE, model.channels)
        images = rng.integers(0, 256, shape, dtype=np.uint8)
        times = []
        for _ in range(WARM_UP + RUNS):
            started = time.perf_counter()
            model(images[:1])
            times.append(1000 * (time.perf_counter() - started))
        started = time.perf_counter()
        for _ in range(5):
            model(images)
        rate = 5 * THROUGHPUT_BATCH / (time.perf_counter() - started)
        p50, p95 = np.percentile(times[WARM_UP:], [50, 95])
        result |= {f"p50_ms_{count}_threads": float(p50), f"p95_ms_{count}_threads": float(p95),
                   f"images_per_second_{count}_threads": rate}  # fmt: skip
        if sys.platform != "win32":
            import resource

            unit = 2**20 if sys.platform == "darwin" else 2**10
            result[f"peak_memory_mib_{count}_threads"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit
    return result


def add_device(parser: argparse.ArgumentParser, threads: int | None) -> None:
    """Adds the options that say where a model runs."""
    default = f"default: {threads}" if threads else "default: 1; --benchmark measures 1 and all"
    parser.add_argument("--provider", default=CPU, help="onnxruntime's execution provider (default: %(default)s)")
    parser.add_argument("--threads", type=_count, default=threads, help=f"threads of one operator ({default})")


def finish(command: Callable[[list[str]], int], arguments: list[str]) -> int:
    """Runs a command to its exit code: an error is one line, and so are Ctrl-C and a reader that goes away."""
    try:
        code = command(arguments)
        sys.stdout.flush()
    except EdgeError as error:
        say(f"error: {error}", sys.stderr)
        return 2
    except KeyboardInterrupt:
        say("stopped", sys.stderr)
        return 130
    except BrokenPipeError:  # ... | head
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    return code


def main(arguments: list[str]) -> int:
    """Classifies what the arguments name, prints a line each, and returns the exit code."""
    return finish(_main, arguments)


def _main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m export.edge", description="Classify images with an exported model.", allow_abbrev=False,
        epilog="example: python -m export.edge fold.onnx leaf.jpg photos/ --json",
    )  # fmt: skip
    parser.add_argument("model", metavar="MODEL.onnx", type=Path)
    parser.add_argument("images", metavar="IMAGE", nargs="*", type=Path, help="image files or folders")
    parser.add_argument("--json", action="store_true", help="one JSON object per image")
    parser.add_argument("--benchmark", action="store_true", help="latency, throughput and memory on random images")
    add_device(parser, None)
    args = parser.parse_args(arguments)
    if not args.images and not args.benchmark:
        parser.error("name an image or a folder, or use --benchmark")
    if args.benchmark:
        measured = benchmark(args.model, args.provider, args.threads)
        print(json.dumps(measured) if args.json else "\n".join(f"{k:<32} {v:10.3f}" for k, v in measured.items()))
        if not args.images:
            return 0
    model = Classifier(args.model, args.provider, args.threads or 1)
    paths = find(args.images)
    num_failed = sum(not _classify(model, path, args.json) for path in paths)
    return (2 if num_failed == len(paths) else 1) if num_failed else 0


def _classify(model: Classifier, path: Path, as_json: bool) -> bool:
    """Prints a line on one image and returns whether it could be classified."""
    try:
        p = model.classify(path)
    except EdgeError as error:
        say(f"error: {error}", sys.stderr)
        return False
    best = int(p.argmax())
    if as_json:
        probability_of = {name: round(float(value), 6) for name, value in zip(model.classes, p, strict=True)}
        print(json.dumps({"image": str(path), "class": model.classes[best], "probabilities": probability_of}))
    else:
        say(f"{path}  {model.classes[best]}  {p[best]:.4f}")
    return True


def _first_line(error: Exception) -> str:
    return " ".join(str(error).split())[:160]


def _count(text: str) -> int:
    if not text.isdecimal() or len(text) > 4 or not 1 <= int(text) <= 1024:
        raise argparse.ArgumentTypeError(f"got {text[:40]!r}; a whole number from 1 to 1024 is needed")
    return int(text)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
