"""What is said of somebody's folder before a study runs on it, and where its numbers cannot support a conclusion."""

from collections import Counter
from collections.abc import Iterator

import numpy as np
from rich.console import Console
from rich.table import Table

from study.commandline.own_folder import FolderPlan, class_folders
from study.commandline.terminal import say, shown_table
from trainables.common import printable
from trainables.configuration import OTHERS
from trainables.data import IMAGE_SIZE, NEAR_DUPLICATES, TEST, TRAIN, VALIDATION, Survey

FEW, FEW_TESTED = 10, 10  # images of a class below which a result says little
SERIES_SHARE = 0.2  # of photos in series from which on they are worth a line
LISTED = 10  # files that are left out
LISTED_DUPLICATES, LISTED_SIZES, LISTED_CONFLICTS = 3, 3, 3


def print_summary(plan: FolderPlan, console: Console, is_pooled_by_name: bool = False) -> None:
    """Prints what is in a folder and how it is split, and where the numbers cannot support a conclusion.

    Args:
        plan: of the folder.
        console: where to.
        is_pooled_by_name: whether it is asked for that the folder's own split, if any, is not kept.
    """
    console.print(_table(plan))
    for line in _facts(plan):
        say(line, console)
    pooled = plan.survey.parts is not None and plan.data.split != "given" and not is_pooled_by_name
    for line in [*([_pooled(plan.survey)] if pooled else []), *_warnings(plan)]:
        say(f"warning: {line}", console)


def _table(plan: FolderPlan) -> Table:
    by_whom = "your split divides them" if plan.data.split == "given" else "the first seed divides them"
    table = shown_table(f"your images, and how {by_whom}")
    for heading in ("class", "role"):
        table.add_column(heading)
    for heading in ("images", "train", "validate", "test"):
        table.add_column(heading, justify="right")
    for line in plan.classes:
        numbers = (line.images, line.train, line.validation, line.test)
        table.add_row(line.name, line.role, *map(str, numbers))
    return table


def _facts(plan: FolderPlan) -> Iterator[str]:
    survey, data = plan.survey, plan.data
    rare, frequent = plan.num_training("minority"), plan.num_training("majority")
    yield f"imbalance: {frequent} frequent to {rare} rare training images, {frequent / max(1, rare):.1f} to 1"
    if OTHERS in data.classes and OTHERS not in survey.class_names:
        named = class_folders(data.classes, survey)
        rest = [f"{name} ({number})" for name, number in survey.counts.items() if name not in named]
        yield f"{OTHERS}: {', '.join(rest)}"
    sizes = [f"{width}x{height} ({number})" for (width, height), number in survey.sizes.most_common(LISTED_SIZES)]
    num_more = len(survey.sizes) - len(sizes)
    more = f" and {num_more} more sizes" if num_more else ""
    size = data.image_size or IMAGE_SIZE
    yield f"sizes: {', '.join(sizes)}{more}; all become {size} x {size}{plan.why_size}"
    if data.split == "given":
        yield f"split: {_given(survey)}"
    if survey.groups is not None and data.split == "grouped":
        yield f"groups: {len(np.unique(survey.groups))}; a group is in one split only"
    yield from _near_duplicates(survey)
    duplicates = [str(left_out) for left_out in survey.left_out if left_out.kind in ("duplicate", "conflict")]
    others = [str(left_out) for left_out in survey.left_out if left_out.kind == "other"]
    for kind, lines, most in (("duplicate", duplicates, LISTED_DUPLICATES), ("other file", others, LISTED)):
        if lines:
            end = "; ..." if len(lines) > most else ""
            yield f"{len(lines)} {kind}{'' if len(lines) == 1 else 's'} left out: {'; '.join(lines[:most])}{end}"


def _num_given(survey: Survey) -> dict[str, int]:
    """Returns how many images folders or a table give to train, val and test; without those that get none."""
    counts = {} if survey.parts is None else Counter(survey.parts.tolist())
    names = {"train": TRAIN, "val": VALIDATION, "test": TEST}
    return {name: counts[part] for name, part in names.items() if counts.get(part)}


def _given(survey: Survey) -> str:
    num_given = _num_given(survey)
    listed = ", ".join(f"{name} {number}" for name, number in num_given.items())
    same = (
        "; every seed tests on the same images, so intervals say how far training varies, not which images were drawn"
    )
    if "test" not in num_given:
        return f"as given ({listed}): val tests, and a fifth of train, drawn by each seed, validates{same}"
    if "val" not in num_given:
        return f"as given ({listed}): a fifth of train, drawn by each seed, validates{same}"
    return f"as given ({listed}){same}"


def _pooled(survey: Survey) -> str:
    """Returns what became of a split that is there and not kept."""
    listed = ", ".join(f"{name} ({number})" for name, number in _num_given(survey).items())
    trained = set() if survey.parts is None else set(survey.labels[survey.parts == TRAIN].tolist())
    untrained = [name for index, name in enumerate(survey.class_names) if index not in trained]
    cure = "--split folders keeps them as given, --split random says that this is meant"
    if untrained:
        cure = f"as given there would be nothing to train {', '.join(untrained)} on"
    return f"{listed} are taken together, and every seed draws its own split from them; {cure}"


def _near_duplicates(survey: Survey) -> Iterator[str]:
    sizes = np.bincount(survey.twins)
    several = sizes[sizes > 1]
    if len(several):
        yield (
            f"near-duplicates: {several.sum()} images show {len(several)} pictures, resized, recompressed "
            "or changed a little"
        )


def _twins(plan: FolderPlan) -> Iterator[str]:
    """Says where test images have a twin in training, and which pictures are in two classes."""
    survey = plan.survey
    if len(plan.test_twins):
        first = plan.test_twins[0]
        pictures = [
            printable(survey.files[place].name) for place in np.flatnonzero(survey.twins == survey.twins[first])
        ]
        per_class = Counter(survey.class_names[label] for label in survey.labels[plan.test_twins].tolist())
        listed = ", ".join(f"{number} {name}" for name, number in per_class.items())
        cure = (
            "leave one of each out" if plan.data.split == "given" else f"--groups {NEAR_DUPLICATES} keeps them together"
        )
        yield (
            f"{len(plan.test_twins)} of {plan.num_tested} test images ({listed}) have a twin in training, a "
            f"near-duplicate such as {' and '.join(pictures[:2])}: their F1 is too good; {cure}"
        )
    twins_and_classes = np.unique(np.stack([survey.twins, survey.labels]), axis=1)
    in_several = np.flatnonzero(np.bincount(twins_and_classes[0]) > 1)
    if len(in_several):
        pictures = [printable(survey.files[place].name) for place in np.flatnonzero(survey.twins == in_several[0])]
        yield f"{len(in_several)} pictures are, as near-duplicates, in two classes: {' and '.join(pictures[:2])}"


def _warnings(plan: FolderPlan) -> Iterator[str]:
    for line in plan.classes:
        if line.images < FEW:
            yield (
                f"{line.name}: {line.images} images; whatever comes out rests on very few, and more images are the "
                "best remedy"
            )
        elif not line.test:
            yield f"{line.name}: no test images; no F1 can be said of it"
        elif line.test < FEW_TESTED:
            yield f"{line.name}: {line.test} test images a seed; its F1 moves in steps of about {1 / line.test:.2f}"
    survey = plan.survey
    yield from _twins(plan)
    if survey.groups is None and survey.num_in_series >= SERIES_SHARE * len(survey.files):
        yield (
            f"{survey.num_in_series} photos were taken within a minute of another by the same camera: if they show the "
            "same thing, --groups or --group-pattern keeps them together"
        )
    unlabelled = [printable(left_out.name) for left_out in survey.left_out if left_out.kind == "unlabelled"]
    if unlabelled:
        yield f"{len(unlabelled)} images have no row in the table and take no part, such as {unlabelled[0]}"
    if survey.unmatched_rows:
        number, first = len(survey.unmatched_rows), printable(survey.unmatched_rows[0])
        yield f"{number} rows of the table name no image that is there, such as {first}"
    conflicts = [str(left_out) for left_out in survey.left_out if left_out.kind == "conflict"]
    if conflicts:
        yield f"{len(conflicts)} images are in two classes: {'; '.join(conflicts[:LISTED_CONFLICTS])}"
    if survey.ungrouped:
        yield (
            f"{len(survey.ungrouped)} images belong to no group, such as {printable(survey.ungrouped[0])}: each is a "
            "group of its own, so that its like may be in another split"
        )
    if plan.num_unused:
        yield f"{plan.num_unused} images are of classes that no role names; they take no part"
