"""The file to deploy: a copy under a name that says what it is, with its model card beside it."""

import hashlib
import json
import math
import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from export.runs import FOLD, NONE, TARGET, Exported
from study import locations
from study.answers import Answer, MeasuredShare
from study.deploying.model_card import ModelCard, OwnMetrics
from study.evidence import Group, Interval
from study.reporting import AchievedTarget, headline, writing
from trainables.configuration import FOLDER, Data
from trainables.data import Images, draw_split
from trainables.evaluation import OperatingPoint, Target, point_of_counts

DEPLOY = "deploy"  # folder in the run folder
LONGEST_PART = 60  # characters of a part of a name
NAMED_DIGITS = 6  # of the key: another network on the same photos is another file
VARIANT_WORDS = {FOLD: "folded", NONE: "as-trained"}


def write_deployed(
    place: Path,
    title: str,
    group: Group,
    answer: Answer,
    deployed: tuple[Exported, str],
    images: Images,
    target: Target | None,
    achieved: Sequence[AchievedTarget],
) -> tuple[Path, ModelCard]:
    """Writes `<place>/NAME.onnx`, `NAME.md` and `NAME.json`, and returns the first with what the others say.

    Args:
        place: the folder; made if it does not exist.
        title: what the names begin with, such as "scab in leaves".
        group: the runs that the answer is about.
        answer: which arm is chosen, and how good it is.
        deployed: the run of that arm to deploy, and which of its files.
        images: its data set.
        target: what its threshold was chosen for; None for the answer's own.
        achieved: what the arms achieve with the target on test images; empty without one.

    Raises:
        RecordError: the folder cannot be written.
    """
    exported, variant = deployed
    content = exported.files[variant].read_bytes()
    card = _card(title, group, answer, deployed, content, images, target, achieved)
    path = place / f"{card.name}.onnx"
    with writing(path):
        for name, written in (
            (f"{card.name}.md", card.as_markdown().encode()),
            (f"{card.name}.json", card.as_json().encode()),
            (path.name, content),
        ):
            part = place / f".{name}.part"
            part.write_bytes(written)
            part.replace(place / name)
    return path, card


def lines_on(file: Path, card: ModelCard) -> list[str]:
    """Returns what a screen says of a file to deploy: what it is, and the commands that run and test it."""
    edge = locations.command_line("export.edge", [str(file), "IMAGE"])
    evaluate = locations.command_line("export.evaluate", [str(file), f"{FOLDER}PATH"])
    return [
        f"file to deploy: {file}",
        f"  {card.in_short}",
        f"model card: {file.with_suffix('.md')}",
        f"to deploy (numpy and onnxruntime run it): {edge}",
        f"to test it on labelled photos that took no part: {evaluate}",
    ]


def name_of(title: str, arm: str, variant: str, target: Target | None) -> str:
    """Returns how a file to deploy is called: "scab-in-leaves-175_weighted-loss-rate-0.003_recalibrated"."""
    arm = re.sub(r"^none\b", "no remedy", arm)
    whole, _, ending = variant.partition("-")
    words = [VARIANT_WORDS.get(whole, whole)] if whole == FOLD or not ending else []
    words += [target.text if ending == TARGET and target else ending] if ending else []
    return "_".join(_slug(part) for part in (title, arm, "-".join(words)))


def _slug(text: str) -> str:
    return re.sub(r"[^\w.]+", "-", text)[:LONGEST_PART].strip("-.").lower()


def _card(
    title: str,
    group: Group,
    answer: Answer,
    deployed: tuple[Exported, str],
    content: bytes,
    images: Images,
    target: Target | None,
    achieved: Sequence[AchievedTarget],
) -> ModelCard:
    exported, variant = deployed
    record, said, measured = exported.record, exported.metadata[variant], exported.verifications[variant]
    data = record.typed_configuration().data
    is_refit = data.split == "everything"
    own = _own_point(np.array(measured.confusion), len(data.majority), target)
    line = next((line for line in achieved if line.arm == record.arm and not line.removed), None) if target else None
    f1, recall, precision = (answer.f1, answer.recall, answer.precision) if line is None else _over_seeds(group, line)
    photos = _photos(data, images, record.seed)
    num_photos = sum(sum(parts.values()) for parts in photos.values())
    name = name_of(f"{title} {num_photos}", record.arm, variant, target)
    return ModelCard(
        name=f"{name}{'_refit' if is_refit else ''}_{record.key[:NAMED_DIGITS]}",
        headline=headline(answer),
        study=record.study,
        arm=record.arm,
        variant=variant,
        key=record.key,
        refit_of=group.first_record(record.arm).key if is_refit else "",
        seed=record.seed,
        sha256=hashlib.sha256(content).hexdigest(),
        photos=photos,
        data_fingerprint=record.data_fingerprint,
        rare=data.minority,
        f1=f1,
        recall=recall,
        precision=precision,
        seeds=len(answer.seeds if line is None else line.tested),
        target=target.text if target else "",
        target_met=line.num_met(target) if line and target else None,
        own=None if is_refit else OwnMetrics(_own_f1(own), own.recall, own.precision, measured.confusion),
        threshold=float(said["threshold"]),
        preprocessing={name: said[name] for name in ("input", "resize") if name in said},
        versions=json.loads(said["versions"]),
        made=record.finished_at[:10],
    )


def _own_point(counts: np.ndarray, num_majority: int, target: Target | None) -> OperatingPoint:
    """Returns what a file does on test images, counted as (label, decided), where the rare are as rare as there."""
    prevalence = target.prevalence if target else None
    rare = counts[num_majority:].sum()
    odds = (counts.sum() - rare) / max(rare, 1) if prevalence is None else (1 - prevalence) / prevalence
    return point_of_counts(counts, num_majority, float(odds))


def _own_f1(own: OperatingPoint) -> Interval:
    """Returns the F1 of one file with the interval of the photos that it was tested on."""
    num_photos = own.found + own.missed + own.alarms
    return MeasuredShare(Interval(own.f1, math.nan, math.nan, 1), num_photos, overlap=0.0, is_f1=True).interval


def _over_seeds(group: Group, line: AchievedTarget) -> list[Interval]:
    """Returns F1, recall and precision over seeds, their intervals within [0, 1]."""
    columns = (
        [point.f1 for point in line.tested],
        [point.recall.value for point in line.tested],
        [point.precision.value for point in line.tested],
    )
    intervals = [group.interval_over(values) for values in columns]
    return [
        replace(interval, low=max(interval.low, 0.0), high=min(interval.high, 1.0)) if interval.n > 1 else interval
        for interval in intervals
    ]


def _photos(data: Data, images: Images, seed: int) -> dict[str, dict[str, int]]:
    """Returns {class: {part: photos}} of a run."""
    split = draw_split(data, images, seed)
    parts = {"train": split.train, "validation": split.validation, "test": split.test}
    if data.split == "everything":
        parts |= {"validation": split.train[:0], "test": split.train[:0]}
    return {
        name: {part: int((split.classes[positions] == index).sum()) for part, positions in parts.items()}
        for index, name in enumerate(data.classes)
    }
