"""`--data folder:PATH`: what is in somebody's folder, and how a study fits it. What cannot work is refused here."""

import math
import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
import numpy.typing as npt
from rich.console import Console
from rich.progress import track

from study.commandline.options import Changes
from study.locations import absolute
from study.studies import SHARE, Study
from trainables.common import ConfigurationError, DataError
from trainables.configuration import FOLDER, OTHERS, SMALL_NETWORKS, Configuration, Data, merged
from trainables.data import NEAR_DUPLICATES, Folder, Images, Survey, as_nfc, assign_classes, draw_split, survey_folder

Indices = npt.NDArray[np.int64]
FEWEST = 3  # images of a class: one to train, one to validate, one to test
SMALL_SIZE = 64  # pixels per side at most, of a small network where nobody says; at 224 a run takes hours on a CPU
LEAST_SIZE = 8  # of a configuration
PAPER_IMAGES, PAPER_STEPS = 1000, 15  # K21: 1010 images in batches of 64


@dataclass(frozen=True)
class ClassCounts:
    """How many images a class has, and how many of them the first seed trains on, validates and tests with."""

    name: str
    role: str
    images: int
    train: int
    validation: int
    test: int


@dataclass(frozen=True)
class FolderPlan:
    """What a folder of images holds, and how a study's first seed divides it.

    Attributes:
        survey: what is in the folder.
        data: which classes have which role, and how many images of each are asked for.
        classes: a line for each of `data.classes`.
        test_twins: positions of test images whose picture is in training too.
        num_tested: test images.
        why_size: said after the size that images become, where nobody named one.
    """

    survey: Survey
    data: Data
    classes: tuple[ClassCounts, ...]
    test_twins: Indices
    num_tested: int
    why_size: str = ""

    def for_study(self, study: Study) -> "FolderPlan":
        """Returns the plan of another study of the folder: this one, unless that study asks for other numbers."""
        data = study.arms[0].configuration.data
        return self if data == self.data else plan_folder(self.survey, data)

    def num_training(self, role: str | None = None) -> int:
        """Returns how many images train, of all classes or of those with a role."""
        return sum(line.train for line in self.classes if role in (None, line.role))

    @property
    def num_unused(self) -> int:
        """Images of classes that no role names."""
        return len(self.survey.files) - sum(line.images for line in self.classes)


def plan_folder(survey: Survey, data: Data) -> FolderPlan:
    """Returns how seed 0 divides the images of a folder.

    Raises:
        ConfigurationError: a class that the folder does not have.
        DataError: fewer images of a class than are asked for.
    """
    split = draw_split(data, without_pixels(survey), seed=0)

    def count(classes: Indices) -> list[int]:
        return [int((classes == index).sum()) for index in range(len(data.classes))]

    columns = [
        count(split.classes),
        *(count(split.classes[part]) for part in (split.train, split.validation, split.test)),
    ]
    rows = zip(data.classes, data.roles, *columns, strict=True)
    test_twins = split.test[np.isin(survey.twins[split.test], survey.twins[split.train])]
    return FolderPlan(survey, data, tuple(ClassCounts(*row) for row in rows), test_twins, len(split.test))


def named_folder(changes: Changes) -> Folder:
    """Returns the folder that `--data`, `--groups`, `--group-pattern` and `--labels` name.

    A table of labels that is not where the command runs may lie in the folder.

    Raises:
        ConfigurationError: groups, labels or a split without a folder, a folder without a path.
    """
    source = changes.source or ""
    if not source.startswith(FOLDER):
        options = "--labels and --split" if changes.labels or changes.split else "--groups and --group-pattern"
        raise ConfigurationError(f"{options} say more of --data folder:PATH, which is not given")
    if source == FOLDER:
        raise ConfigurationError(f"--data {FOLDER} names no folder; the form is {FOLDER}PATH")
    path = absolute(source.removeprefix(FOLDER))
    is_table = changes.groups not in ("", NEAR_DUPLICATES)
    groups = str(absolute(changes.groups)) if is_table else changes.groups
    labels = absolute(changes.labels) if changes.labels else None
    if labels is not None and not os.path.exists(labels) and os.path.exists(path / changes.labels):
        labels = path / changes.labels
    return Folder(str(path), groups, changes.group_pattern, str(labels or ""))


def small_size(changes: Changes, survey: Survey) -> int | None:
    """Returns the pixels per side that fit a small network, the photos' own if those are few; None where one is named.

    A backbone needs the size that it was trained with, so only networks without one get another.
    """
    assigned = dict(changes.assignments)
    network = changes.network or assigned.get("network.name")
    if network not in SMALL_NETWORKS or changes.image_size or "data.image_size" in changes.assigned_fields:
        return None
    longer_sides = np.repeat([max(size) for size in survey.sizes], list(survey.sizes.values()))
    return max(LEAST_SIZE, min(SMALL_SIZE, int(np.median(longer_sides))))


def look_into(folder: Folder, console: Console) -> Survey:
    """Returns what is in a folder; a terminal shows how far the look is. Raises DataError as `survey_folder` does."""
    watch = partial(
        track,
        description="looking into the images",
        console=console,
        transient=True,
        disable=not console.is_terminal,
    )
    return survey_folder(folder, watch)


def settle(changes: Changes, survey: Survey, takes_every_image: bool) -> Changes:
    """Returns the changes with what only a look into the folder could tell.

    The folder is named by its content and each class as the folder names it. Classes that no option names are frequent.
    Unless `--set` says otherwise, a split that a table gives or `--split folders` asks for is kept; else, where the
    folder has groups, a group stays in one split.

    Args:
        changes: as the user gave them.
        survey: of the folder that they name.
        takes_every_image: whether the studies train on all images there are, so that `--ratio` has to be told of how
            many.

    Raises:
        ConfigurationError: no rare class named, no frequent one left; `--split folders` of a folder without.
        DataError: a class with too few images.
    """
    minority = _as_named(changes.minority, survey)
    majority = _as_named(changes.majority, survey)
    if not minority:
        rarest_first = sorted(survey.counts.items(), key=lambda name_and_number: name_and_number[1])
        listed = ", ".join(f"{name} ({number})" for name, number in rarest_first)
        raise ConfigurationError(f"which class is rare? name it with --minority; there are: {listed}")
    if not majority:
        rare_names = class_folders(minority, survey)
        other_names = [name for name in survey.class_names if name not in rare_names]
        if not other_names:
            named = ",".join(minority)
            raise ConfigurationError(f"every class is named rare ({named}); at least one has to be frequent")
        if len(other_names) == 1 or OTHERS in survey.class_names:
            majority = ("+".join(other_names),)  # by name, rather than as "others"
    roles = {"data.minority": minority} | ({"data.majority": majority} if majority else {})
    data = Configuration().replace(roles).data
    _check_counts(data, survey)
    assigned_fields = changes.assigned_fields
    assignments = list(changes.assignments)
    kind = _kind_of_split(changes, survey)
    if takes_every_image and changes.ratio is not None and "data.train_majority" not in assigned_fields:
        assignments.append(("data.train_majority", str(_num_left_to_train(data, survey, kind or "random"))))
    if kind is not None:
        assignments.append(("data.split", kind))
    return replace(
        changes,
        assignments=tuple(assignments),
        source=survey.source,
        minority=minority,
        majority=majority or changes.majority,
    )


def _kind_of_split(changes: Changes, survey: Survey) -> str | None:
    """Returns the `data.split` that options and folder ask for together; None leaves it as it is."""
    is_assigned = "data.split" in changes.assigned_fields
    if changes.split is not None and is_assigned:
        raise ConfigurationError(
            f"--split {changes.split} and --set data.split say the same; one of the two is allowed"
        )
    if changes.split == "folders" and survey.parts is None:
        raise ConfigurationError(
            "--split folders: there are no folders train, val, test above the classes (nor a column split in --labels)"
        )
    if is_assigned:
        return None
    if survey.parts is not None and (changes.split == "folders" or (changes.labels and changes.split is None)):
        return "given"
    return None if survey.groups is None else "grouped"


def _as_named(typed: tuple[str, ...] | None, survey: Survey) -> tuple[str, ...]:
    """Returns names of classes as the folder spells them.

    Commas divide names, but a class may have commas in its own: the longest stretch that is a class is one.
    """
    names: list[str] = []
    for text in typed or ():
        pieces = [piece for piece in as_nfc(text).split(",") if piece]
        while pieces:
            stretches = {number: ",".join(pieces[:number]) for number in range(len(pieces), 0, -1)}
            number = next((number for number, name in stretches.items() if name in survey.class_names), 1)
            names.append(stretches[number])
            del pieces[:number]
    return tuple(names)


def _check_counts(data: Data, survey: Survey) -> None:
    """Raises DataError for a class with too few images; classes that are taken together count together."""
    classes = assign_classes(data, without_pixels(survey))
    for index, name in enumerate(data.classes):
        number = int((classes == index).sum())
        if number < FEWEST:
            raise DataError(f"class {name!r}: {number} images; {FEWEST} are the least: to train, to validate, to test")


def _num_left_to_train(data: Data, survey: Survey, kind: str) -> int:
    """Returns how many images of each majority class every seed can train on, beside validation and test."""
    images = without_pixels(survey)
    frequent = range(len(data.majority))
    if kind == "random":
        classes = assign_classes(data, images)
        smallest = min(int((classes == index).sum()) for index in frequent)
        return smallest - 2 * round(SHARE * smallest)
    # whole groups, a given split: what the first seeds give
    shares = {f"{part}_{role}": SHARE for part in ("validation", "test") for role in ("majority", "minority")}
    everything = {"train_majority": "all", "train_minority": "all", "split": kind}
    data = data.model_copy(update=shares | everything)
    splits = [draw_split(data, images, seed) for seed in range(10)]
    return min(int((split.classes[split.train] == index).sum()) for split in splits for index in frequent)


def fit_study(study: Study, plan: FolderPlan, assigned_fields: frozenset[str], console: Console) -> Study:
    """Returns the study with batches that fit few images and, there, as many steps as the papers' 1000 images give.

    Args:
        study: of the folder's images.
        plan: how they are divided.
        assigned_fields: those that `--set` names; they stay.
        console: hears of a change.
    """
    schedule = study.arms[0].configuration.schedule
    number = plan.num_training()
    values: dict[str, int] = {}
    if number < 2 * schedule.batch_size:
        values["schedule.batch_size"] = max(2, 2 ** int(math.log2(max(4, number) / 2)))
    if number < PAPER_IMAGES and schedule.steps_per_epoch is None:
        values["schedule.steps_per_epoch"] = PAPER_STEPS
    values = {field: value for field, value in values.items() if field not in assigned_fields}
    if not values:
        return study
    console.print(f"{number} training images: " + ", ".join(f"{field} {value}" for field, value in values.items()))
    return study.map(lambda configuration: configuration.replace(values))


def class_folders(names: Sequence[str], survey: Survey) -> set[str]:
    """Returns the class folders that names stand for: "a+b" for a and b, unless a folder is called so."""
    return {part for name in names for part in ([name] if name in survey.class_names else merged(name))}


def without_pixels(survey: Survey) -> Images:
    """Returns what a split can be drawn from."""
    names = tuple(map(str, survey.files))
    no_pixels = np.empty((len(names), 3, 0, 0), np.uint8)
    return Images(no_pixels, survey.labels, survey.class_names, names, groups=survey.groups, parts=survey.parts)
