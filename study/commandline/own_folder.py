"""`--data folder:PATH`: looks into somebody's folder, says what is in it, and keeps where it lies beside the runs."""

import argparse
import json
import math
from collections.abc import Iterator, Sequence
from functools import partial

import numpy as np
from rich.console import Console
from rich.progress import track
from rich.table import Table

from study.locations import absolute
from study.studies import SHARE, Study
from trainables.configuration import FOLDER, OTHERS, Configuration, Data
from trainables.data import (
    IMAGE_SIZE,
    Folder,
    Folders,
    Images,
    Survey,
    as_nfc,
    assign_classes,
    draw_split,
    survey_folder,
)
from trainables.errors import ConfigurationError, DataError
from trainables.storage import RunFolder

NOTE = "folders.json"
FEWEST = 3  # images of a class: one to train, one to validate, one to test
PAPER_IMAGES, PAPER_STEPS = 1000, 15  # K21: 1010 images in batches of 64
FEW, FEW_TESTED = 10, 10  # below these a result says little
LISTED = 10  # files that are left out


def read_folder(args: argparse.Namespace, natural: bool, console: Console) -> tuple[Survey | None, Folders]:
    """Looks into the folder of `--data`, if it names one, and puts what stands for it in a configuration in its place.

    `natural` says that the study takes all images there are, so that `--ratio` has to be told of how many.

    Raises:
        DataError: see trainables/image_folder.py; a class with too few images.
        ConfigurationError: groups without a folder, no rare class named.
    """
    if not (args.data or "").startswith(FOLDER):
        if args.groups or args.group_pattern:
            raise ConfigurationError("--groups and --group-pattern say more of --data folder:PATH, which is not given")
        return None, {}
    if args.data == FOLDER:
        raise ConfigurationError(f"--data {FOLDER} names no folder; the form is {FOLDER}PATH")
    place = absolute(args.data.removeprefix(FOLDER))
    groups = str(absolute(args.groups)) if args.groups else ""
    folder = Folder(str(place), groups, args.group_pattern or "")
    found = survey_folder(folder, partial(track, description="looking into the images", console=console, transient=True,
                                   disable=not console.is_terminal))  # fmt: skip
    for role in ("minority", "majority"):
        if getattr(args, role):
            setattr(args, role, as_nfc(getattr(args, role)))
    if not args.minority:
        listed = ", ".join(
            f"{name} ({number})" for name, number in sorted(found.counts.items(), key=lambda its: its[1])
        )
        raise ConfigurationError(f"which class is rare? name it with --minority; there are: {listed}")
    args.data = found.source
    others = [name for name in found.class_names if name not in _names(args.minority)]
    if not args.majority and not others:
        raise ConfigurationError(f"every class is named rare ({args.minority}); at least one has to be frequent")
    if not args.majority and (len(others) == 1 or OTHERS in found.class_names):
        args.majority = "+".join(others)  # by name, rather than as "others"
    for role in ("minority", "majority"):  # a class folder may have a comma in its name
        if getattr(args, role) in found.class_names:
            setattr(args, role, (getattr(args, role),))
    _check_counts(found, args)
    if natural:
        _fix_majority(found, args)
    if found.groups is not None and not any(name.endswith("split") for name, _ in args.set):
        args.set.append(("data.split", "grouped"))
    return found, {found.source: folder}


def _check_counts(found: Survey, args: argparse.Namespace) -> None:
    """Raises DataError for a class with too few images; classes that are taken together count together."""
    data = _data_of(args)
    classes = assign_classes(data, without_pixels(found))
    for index, name in enumerate(data.classes):
        number = int((classes == index).sum())
        if number < FEWEST:
            raise DataError(f"class {name!r}: {number} images; {FEWEST} are the least: to train, to validate, to test")


def _data_of(args: argparse.Namespace) -> Data:
    """Returns data with the roles that the options name."""
    roles = {role: getattr(args, role) for role in ("minority", "majority") if getattr(args, role)}
    return Configuration().replace({f"data.{role}": names for role, names in roles.items()}).data


def _fix_majority(found: Survey, args: argparse.Namespace) -> None:
    """With `--ratio`, fixes the number of majority training images at what is left beside validation and test."""
    if args.ratio is None or any("train_majority" in name for name, _ in args.set):
        return
    data = _data_of(args)
    images, frequent = without_pixels(found), len(data.majority)
    if images.groups is None:
        classes = assign_classes(data, images)
        least = min(int((classes == index).sum()) for index in range(frequent))
        least -= 2 * round(SHARE * least)
    else:  # whole groups: what the first seeds give
        shares = {f"{part}_{role}": SHARE for part in ("validation", "test") for role in ("majority", "minority")}
        everything = {"train_majority": "all", "train_minority": "all", "split": "grouped"}
        data = data.model_copy(update=shares | everything)
        splits = [draw_split(data, images, seed) for seed in range(10)]
        least = min(int((s.classes[s.train] == index).sum()) for s in splits for index in range(frequent))
    args.set.append(("data.train_majority", str(least)))


def sized(study: Study, found: Survey, chosen: Sequence[str], console: Console) -> Study:
    """Returns the study with batches that fit a small folder and, there, as many steps as the papers' 1000 images give.

    Args:
        study: of the folder's images.
        found: what is in the folder.
        chosen: fields that `--set` names; they stay.
        console: hears of a change.
    """
    base = study.arms[0].configuration
    number = len(draw_split(base.data, without_pixels(found), seed=0).train)
    changes: dict[str, int] = {}
    if number < 2 * base.schedule.batch_size:
        changes["schedule.batch_size"] = max(2, 2 ** int(math.log2(max(4, number) / 2)))
    if number < PAPER_IMAGES and base.schedule.steps_per_epoch is None:
        changes["schedule.steps_per_epoch"] = PAPER_STEPS
    changes = {name: value for name, value in changes.items() if not {name, name.partition(".")[2]} & set(chosen)}
    if changes:
        console.print(f"{number} training images: " + ", ".join(f"{name} {value}" for name, value in changes.items()))
    return study.map(lambda configuration: configuration.replace(changes)) if changes else study


def summary(found: Survey, data: Data, console: Console) -> None:
    """Prints what was found and how it is split, and where the numbers cannot support a conclusion.

    Raises:
        ConfigurationError: a class that the folder does not have.
        DataError: fewer images of a class than are asked for.
    """
    images = without_pixels(found)
    split = draw_split(data, images, seed=0)
    everything = assign_classes(data, images)
    table = Table(title="your images, and how the first seed divides them", title_justify="left")
    for name in ("class", "role", "images", "train", "validate", "test"):
        table.add_column(name, justify="left" if name in ("class", "role") else "right")
    for index, (name, role) in enumerate(zip(data.classes, data.roles, strict=True)):
        parts = [int((split.classes[part] == index).sum()) for part in (split.train, split.validation, split.test)]
        table.add_row(name, role, str(int((everything == index).sum())), *map(str, parts))
    console.print(table)
    for line in _facts(found, data):
        console.print(line, highlight=False, soft_wrap=True)
    for line in warnings(found, data):
        console.print(f"warning: {line}", highlight=False, soft_wrap=True)


def warnings(found: Survey, data: Data) -> Iterator[str]:
    """Yields a sentence for every class whose numbers cannot support a conclusion."""
    images = without_pixels(found)
    split, everything = draw_split(data, images, seed=0), assign_classes(data, images)
    for index, name in enumerate(data.classes):
        number, tested = int((everything == index).sum()), int((split.classes[split.test] == index).sum())
        if number < FEW:
            yield f"{name}: {number} images; whatever comes out rests on very few, and more images are the best remedy"
        elif not tested:
            yield f"{name}: no test images; no F1 can be said of it"
        elif tested < FEW_TESTED:
            yield f"{name}: {tested} test images a seed; its F1 moves in steps of about {1 / tested:.2f}"
    conflicts = [str(left_out) for left_out in found.left_out if left_out.kind == "conflict"]
    if conflicts:
        yield f"{len(conflicts)} images are in two classes: {'; '.join(conflicts[:3])}"
    if found.ungrouped:
        yield (
            f"{len(found.ungrouped)} images belong to no group, such as {found.ungrouped[0]}: each is a group of its "
            "own, so that its like may be in another split"
        )
    unused = len(everything) - int((everything >= 0).sum())
    if unused:
        yield f"{unused} images are of classes that no role names; they take no part"


def without_pixels(found: Survey) -> Images:
    """Returns what a split can be drawn from."""
    names = tuple(map(str, found.files))
    return Images(
        np.empty((len(names), 3, 0, 0), np.uint8), found.labels, found.class_names, names, groups=found.groups
    )


def remember(folder: RunFolder, folders: Folders) -> None:
    """Keeps where folders lie in the run folder, for export and report."""
    if folders:
        known = {source: its.as_dict() for source, its in {**remembered(folder), **folders}.items()}
        folder.put(NOTE, json.dumps(known, indent=1, ensure_ascii=False).encode())


def remembered(folder: RunFolder) -> Folders:
    """Returns what `remember` kept."""
    return {source: Folder(**its) for source, its in json.loads(folder.get(NOTE) or "{}").items()}


def _facts(found: Survey, data: Data) -> Iterator[str]:
    sizes = ", ".join(f"{w}x{h} ({n})" for (w, h), n in found.sizes.most_common(3))
    more = f" and {len(found.sizes) - 3} more sizes" if len(found.sizes) > 3 else ""
    size = data.image_size or IMAGE_SIZE
    split = draw_split(data, without_pixels(found), seed=0)
    minority = np.isin(split.classes[split.train], [i for i, role in enumerate(data.roles) if role == "minority"])
    rare, frequent = int(minority.sum()), int((~minority).sum())
    yield f"imbalance: {frequent} frequent to {rare} rare training images, {frequent / max(1, rare):.1f} to 1"
    if OTHERS in data.classes and OTHERS not in found.class_names:
        named = {part for name in data.classes for part in (name, *name.split("+"))}
        its = [f"{name} ({number})" for name, number in found.counts.items() if name not in named]
        yield f"{OTHERS}: {', '.join(its)}"
    yield f"sizes: {sizes}{more}; all become {size} x {size}"
    if found.groups is not None and data.split == "grouped":
        yield f"groups: {len(np.unique(found.groups))}; a group is in one split only"
    duplicates = [str(left_out) for left_out in found.left_out if left_out.kind != "other"]
    others = [str(left_out) for left_out in found.left_out if left_out.kind == "other"]
    for what, lines in (("duplicates", duplicates), ("other files", others)):
        if lines:
            shown = f"{'; '.join(lines[:LISTED])}{'; ...' if len(lines) > LISTED else ''}"
            yield f"{len(lines)} {what} left out: {shown}"


def fitted(
    studies: Sequence[Study], found: Survey | None, own: bool, args: argparse.Namespace, console: Console
) -> list[Study]:
    """Says what is in a folder that `read_folder` looked into, and fits studies of somebody's own images to it."""
    if found is None:
        return list(studies)
    summary(found, studies[0].arms[0].configuration.data, console)
    chosen = [name for name, _ in args.set]
    return [sized(study, found, chosen, console) for study in studies] if own else list(studies)


def _names(given: str) -> list[str]:
    """Returns every class that a list of names may mean: a class may have a comma or a plus in its name."""
    listed = given.split(",")
    return [given, *listed, *(part for name in listed for part in name.split("+"))]
