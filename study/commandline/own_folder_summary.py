"""What is said of somebody's folder before a study runs on it, and where its numbers cannot support a conclusion."""

from collections.abc import Iterator

import numpy as np
from rich.console import Console
from rich.table import Table

from study.commandline.own_folder import FolderPlan, class_folders
from trainables.configuration import OTHERS
from trainables.data import IMAGE_SIZE

FEW, FEW_TESTED = 10, 10  # images of a class below which a result says little
LISTED = 10  # files that are left out
LISTED_SIZES, LISTED_CONFLICTS = 3, 3


def print_summary(plan: FolderPlan, console: Console) -> None:
    """Prints what is in a folder and how it is split, and where the numbers cannot support a conclusion."""
    console.print(_table(plan))
    for line in _facts(plan):
        console.print(line, highlight=False, soft_wrap=True)
    for line in _warnings(plan):
        console.print(f"warning: {line}", highlight=False, soft_wrap=True)


def _table(plan: FolderPlan) -> Table:
    table = Table(title="your images, and how the first seed divides them", title_justify="left")
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
    yield f"sizes: {', '.join(sizes)}{more}; all become {size} x {size}"
    if survey.groups is not None and data.split == "grouped":
        yield f"groups: {len(np.unique(survey.groups))}; a group is in one split only"
    duplicates = [str(left_out) for left_out in survey.left_out if left_out.kind != "other"]
    others = [str(left_out) for left_out in survey.left_out if left_out.kind == "other"]
    for kind, lines in (("duplicates", duplicates), ("other files", others)):
        if lines:
            end = "; ..." if len(lines) > LISTED else ""
            yield f"{len(lines)} {kind} left out: {'; '.join(lines[:LISTED])}{end}"


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
    conflicts = [str(left_out) for left_out in survey.left_out if left_out.kind == "conflict"]
    if conflicts:
        yield f"{len(conflicts)} images are in two classes: {'; '.join(conflicts[:LISTED_CONFLICTS])}"
    if survey.ungrouped:
        yield (
            f"{len(survey.ungrouped)} images belong to no group, such as {survey.ungrouped[0]}: each is a group of its "
            "own, so that its like may be in another split"
        )
    if plan.num_unused:
        yield f"{plan.num_unused} images are of classes that no role names; they take no part"
