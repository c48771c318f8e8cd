"""Evaluates an exported classifier on labelled images, with nothing but `edge.py`, numpy, onnxruntime and Pillow.

    python -m export.evaluate MODEL.onnx folder:PATH      (or: python evaluate.py ..., copied together with edge.py)

PATH holds a folder per class, or images that a CSV names. Printed are the confusion matrix, precision, recall and F1
per class, and what the rare class would be found and missed at other thresholds. Exit codes: 0 done, 1 the F1 of the
rare class is below --at-least, or some images cannot be classified (named; they are in no number), 2 nothing was done.
"""

import argparse
import csv
import json
import os
import sys
import unicodedata
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path

import numpy as np

if __package__:
    from export.edge import Classifier, EdgeError, add_device, find, finish, say
else:  # copied to a device together with edge.py
    from edge import Classifier, EdgeError, add_device, find, finish, say  # type: ignore[import-not-found, no-redef]

FOLDER = "folder:"
SPLITS = {"train", "training", "val", "valid", "validation", "test", "testing"}
RESAMPLES, Z95 = 10_000, 1.959964  # of the bootstrap; 97.5 % of a normal distribution lie below it
TINY = np.finfo(np.float64).tiny  # sigmoids may all be 0
COLUMNS = ("threshold", "found", "missed", "false_alarms", "recall", "precision", "f1")
THRESHOLDS = (0.01, 0.02, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.98, 0.99)

Estimate = tuple[float, float, float]  # value, and its 95 % interval


@dataclass(frozen=True)
class ClassScores:
    """One class against the rest, and its number of images; None where nothing is decided for it or none is there."""

    images: int
    precision: Estimate | None
    recall: Estimate | None
    f1: Estimate | None


@dataclass(frozen=True)
class Evaluation:
    """What a model decides on labelled images.

    `rare` are the classes that `thresholds` and `rare_f1` are about; `confusion` counts images (label, decided).
    """

    classes: list[str]
    rare: list[str]
    confusion: list[list[int]]
    scores: dict[str, ClassScores]
    thresholds: list[dict[str, float]]
    not_classified: int

    @property
    def rare_f1(self) -> float | None:
        """The mean F1 of the rare classes that have images."""
        values = [f1[0] for name in self.rare if (f1 := self.scores[name].f1)]
        return sum(values) / len(values) if values else None

    def lines(self) -> list[str]:
        """Returns it as text."""
        counts = [[name, *map(str, row)] for name, row in zip(self.classes, self.confusion, strict=True)]
        scores = [
            [name, str(of.images), _as_text(of.precision), _as_text(of.recall), _as_text(of.f1)]
            for name, of in self.scores.items()
        ]
        curve = [[f"{value:.3f}".removesuffix(".000") for value in row.values()] for row in self.thresholds]
        return [
            *_aligned([["label \\ decided", *self.classes], *counts]),
            "",
            *_aligned([["class", "images", "precision", "recall", "F1"], *scores]),
            "95 % intervals: Wilson's for precision and recall, bootstrap over images for F1; no spread over trainings",
            "",
            f"{' + '.join(self.rare)} from a probability on (above: the most probable class)",
            *_aligned([[name.replace("_", " ") for name in self.thresholds[0]], *curve]),
        ]


def labels_of_folders(root: Path, class_of_folder: Mapping[str, str]) -> dict[Path, str]:
    """Returns {image: class} of a folder per class; where the first level is train, val, test, of all of them together.

    `class_of_folder` are those whose folder is not named as they are; raises EdgeError for a root without any.
    """
    if not os.path.isdir(root):
        raise EdgeError(f"{root}: no such folder")
    folders_of = {path: path.relative_to(root).parts[:-1] for path in find([root])}
    first_level = {folders[0] for folders in folders_of.values() if folders}
    has_splits = {name.lower() for name in first_level} <= SPLITS
    if has_splits and first_level:
        say(f"taken together: {', '.join(sorted(first_level))}", sys.stderr)
    label_of: dict[Path, str] = {}
    for path, folders in folders_of.items():
        if len(folders) > has_splits:
            name = unicodedata.normalize("NFC", folders[has_splits])
            label_of[path] = class_of_folder.get(name, name)
    if not label_of:
        raise EdgeError(f"{root}: no folder per class in it; --labels names the class of every image instead")
    for path in folders_of.keys() - label_of.keys():
        say(f"passed over {path}: in no class folder", sys.stderr)
    return label_of


def labels_of_table(table: Path, root: Path) -> dict[Path, str]:
    """Returns {image: class} of a CSV with the columns `file` (a path below the root) and `label`.

    Raises:
        EdgeError: no such table, missing columns, a file without a label or with two.
    """
    if os.path.exists(table) and not os.path.isfile(table):  # a FIFO would wait for ever
        raise EdgeError(f"{table}: not a regular file")
    try:
        with table.open(encoding="utf-8-sig", newline="") as stream:
            head = stream.readline()
            stream.seek(0)
            rows = list(csv.DictReader(stream, delimiter=max(",;\t", key=head.count)))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise EdgeError(f"{table}: no table that can be read ({error})") from error
    label_of: dict[Path, str] = {}
    for number, row in enumerate(rows, start=2):
        if "file" not in row or "label" not in row:
            columns = ", ".join(str(name) for name in row)
            raise EdgeError(f"{table}: has the columns {columns}; file and label are needed")
        name, label = (unicodedata.normalize("NFC", (row[column] or "").strip()) for column in ("file", "label"))
        if not name or not label:
            raise EdgeError(f"{table}, line {number}: file {name!r} with label {label!r}; both are needed")
        path = root / (row["file"] or "").strip()
        if label_of.setdefault(path, label) != label:
            raise EdgeError(f"{table}, line {number}: {name} is {label!r} here and {label_of[path]!r} above")
    if not label_of:
        raise EdgeError(f"{table}: no row")
    return label_of


def scores_of_classes(confusion: np.ndarray, names: Sequence[str]) -> dict[str, ClassScores]:
    """Returns what each class is worth, from images counted as (label, decided).

    The bootstrap draws as many images with replacement, which is a multinomial draw over the cells.
    """
    total = int(confusion.sum())
    draws = np.random.default_rng(0).multinomial(total, confusion.ravel() / total, size=RESAMPLES)
    drawn = draws.reshape(RESAMPLES, *confusion.shape)
    scores = {}
    for k, name in enumerate(names):
        hits, actual, decided = (int(n) for n in (confusion[k, k], confusion[k].sum(), confusion[:, k].sum()))
        f1_drawn = 2 * drawn[:, k, k] / np.maximum(drawn[:, k].sum(axis=1) + drawn[:, :, k].sum(axis=1), 1)
        low, high = np.percentile(f1_drawn, [2.5, 97.5])
        f1 = (2 * hits / (actual + decided), float(low), float(high)) if actual else None
        scores[name] = ClassScores(actual, share(hits, decided), share(hits, actual), f1)
    return scores


def share(hits: int, total: int) -> Estimate | None:
    """Returns a share with Wilson's 95 % interval, which stays honest where all or none are hits."""
    if not total:
        return None
    value, z2 = hits / total, Z95**2
    middle = (value + z2 / (2 * total)) / (1 + z2 / total)
    half = Z95 * ((value * (1 - value) + z2 / (4 * total)) / total) ** 0.5 / (1 + z2 / total)
    return value, max(middle - half, 0.0), min(middle + half, 1.0)


def threshold_curve(p_rare: np.ndarray, is_rare: np.ndarray) -> list[dict[str, float]]:
    """Returns what is found at each of THRESHOLDS of the rare classes' probability, (images,)."""
    curve = []
    for threshold in THRESHOLDS:
        alarm = p_rare >= threshold
        found, missed, false = (int(n.sum()) for n in (alarm & is_rare, ~alarm & is_rare, alarm & ~is_rare))
        shares = (
            found / max(found + missed, 1),
            found / max(found + false, 1),
            2 * found / max(2 * found + missed + false, 1),
        )
        curve.append(dict(zip(COLUMNS, (threshold, found, missed, false, *shares), strict=True)))
    return curve


def evaluate(model: Classifier, label_of: Mapping[Path, str], rare: Sequence[str]) -> Evaluation:
    """Returns what a model decides on {image: class}; says which images cannot be classified, and counts them apart.

    Raises:
        EdgeError: none can be classified.
    """
    labels, rows = [], []
    for path, label in label_of.items():
        try:
            rows.append(model.classify(path))
            labels.append(model.classes.index(label))
        except EdgeError as error:
            say(f"error: {error}", sys.stderr)
    if not rows:
        raise EdgeError(f"none of {len(label_of)} images can be classified")
    probabilities, is_rare = np.array(rows, dtype=np.float64), np.isin(model.classes, rare)
    confusion = np.zeros((len(model.classes), len(model.classes)), dtype=np.int64)
    np.add.at(confusion, (labels, probabilities.argmax(axis=1)), 1)
    p_rare = probabilities[:, is_rare].sum(axis=1) / np.maximum(probabilities.sum(axis=1), TINY)
    scores, curve = scores_of_classes(confusion, model.classes), threshold_curve(p_rare, is_rare[labels])
    return Evaluation(model.classes, list(rare), confusion.tolist(), scores, curve, len(label_of) - len(rows))


def _main(arguments: list[str]) -> int:
    args = _parser().parse_args(arguments)
    root = Path(args.images.removeprefix(FOLDER))
    model = Classifier(args.model, args.provider, args.threads)
    class_of_folder = dict(args.class_of_folder)
    if args.labels and class_of_folder:
        raise EdgeError("--labels and --class: the table names the classes itself; give one of them")
    label_of = labels_of_table(args.labels, root) if args.labels else labels_of_folders(root, class_of_folder)
    label_of = _of_known_classes(label_of, model.classes)
    rare = _rare_classes(model, args.rare, label_of)
    evaluation = evaluate(model, label_of, rare)
    f1 = evaluation.rare_f1
    if args.json:
        print(json.dumps(asdict(evaluation) | {"rare_f1": f1, "target": model.target}, allow_nan=False))
    else:
        for line in [f"{args.model}{model.target and f', decides at {model.target}'}", *evaluation.lines()]:
            say(line)
    if args.at_least is not None and (f1 is None or f1 < args.at_least):
        measured = "cannot be said without an image" if f1 is None else f"is {f1:.4f}"
        say(f"F1 of {' + '.join(rare)} {measured}; --at-least {args.at_least:g} is asked for", sys.stderr)
        return 1
    return 1 if evaluation.not_classified else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m export.evaluate", description="Evaluate an exported model on labelled images.",
        allow_abbrev=False, epilog="example: python -m export.evaluate fold.onnx folder:photos --at-least 0.9",
    )  # fmt: skip
    add = parser.add_argument
    add("model", metavar="MODEL.onnx", type=Path)
    add("images", metavar="folder:PATH", help="a folder with a folder per class, or with the files of --labels")
    add("--labels", metavar="CSV", type=Path, help="columns file (path below PATH) and label, instead of class folders")
    add("--class", metavar="FOLDER=CLASS", dest="class_of_folder", type=_renaming, action="append", default=[],
        help="the class of a folder that is called otherwise; may be repeated")  # fmt: skip
    add("--rare", metavar="CLASS", action="append", default=[],
        help="what --at-least and the thresholds are about; may be repeated (default: the file's minority, else the "
        "class with the fewest images)")  # fmt: skip
    add("--at-least", metavar="F1", type=_from_0_to_1, help="exit 1 where the rare classes' mean F1 is lower")
    add("--json", action="store_true", help="everything as one JSON object")
    add_device(parser, 1)
    return parser


def _of_known_classes(label_of: Mapping[Path, str], classes: Sequence[str]) -> dict[Path, str]:
    """Returns the images of the model's classes and says which others were left out."""
    unknown, allowed = Counter(label for label in label_of.values() if label not in classes), ", ".join(classes)
    if sum(unknown.values()) == len(label_of):
        raise EdgeError(f"no image of a class of this model ({allowed}); there are {', '.join(unknown)}")
    for label, count in unknown.items():
        say(f"passed over {count} images of {label!r}: no class of this model ({allowed})", sys.stderr)
    return {path: label for path, label in label_of.items() if label in classes}


def _rare_classes(model: Classifier, asked: Sequence[str], label_of: Mapping[Path, str]) -> list[str]:
    unknown = [name for name in asked if name not in model.classes]
    if unknown:
        raise EdgeError(f"--rare {unknown[0]!r}: no class of this model; there are {', '.join(model.classes)}")
    declared = [name for name, role in zip(model.classes, model.roles, strict=False) if role == "minority"]
    count_of = Counter(label_of.values())
    return list(asked) or declared or [min(model.classes, key=lambda name: (count_of[name], name))]


def _as_text(value: Estimate | None) -> str:
    return "-" if value is None else "{:.3f} [{:.3f}, {:.3f}]".format(*value)


def _aligned(rows: Sequence[Sequence[str]]) -> list[str]:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return ["  ".join(map(str.ljust, row, widths)).rstrip() for row in rows]


def _renaming(text: str) -> tuple[str, str]:
    folder, _, label = text.rpartition("=")
    if not folder or not label:
        raise argparse.ArgumentTypeError(f"got {text!r}; FOLDER=CLASS is needed")
    return folder, label


def _from_0_to_1(text: str) -> float:
    try:
        if 0 <= (value := float(text)) <= 1:
            return value
    except ValueError:
        pass
    raise argparse.ArgumentTypeError(f"got {text!r}; a number from 0 to 1 is needed")


main = partial(finish, _main)

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
