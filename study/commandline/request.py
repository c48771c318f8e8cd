"""What a command that runs studies was asked for, as a frozen value, and the studies that come of it."""

import argparse
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from study.commandline import command, options
from study.commandline.options import Changes
from study.locations import Locations
from study.studies import DEFAULT, OWN, Study, find

if TYPE_CHECKING:
    from pathlib import Path

    from trainables.data import Folders


@dataclass(frozen=True)
class Request:
    """What the options that `study.grid` and `study.search` share ask for, as the user gave them.

    Attributes:
        studies: names of studies; empty for the default.
        where: (FIELD, VALUE) that an arm has to have to take part.
        smoke: whether the studies run at their smallest size.
        changes: to every arm of every study.
        num_seeds: repetitions of each configuration; None leaves it to the study.
        cpus_per_trial: what Ray reserves for a trial.
        gpus_per_trial: likewise; None leaves it to the network and the cluster.
        stall_timeout: seconds of silence after which a trial is ended and tried again; None for never.
        locations: where runs, MLflow and data lie.
    """

    studies: tuple[str, ...]
    where: tuple[tuple[str, str], ...]
    smoke: bool
    changes: Changes
    num_seeds: int | None
    cpus_per_trial: float
    gpus_per_trial: float | None
    stall_timeout: float | None
    locations: Locations


@dataclass(frozen=True)
class Chosen:
    """The studies that a command runs, and what of the user's own they read.

    Attributes:
        studies: as declared, changed as the options say and fitted to the user's own images.
        named_fields: the fields of a configuration that the options changed by name.
        weights: what a configuration calls a weights file -> the file.
        folders: what a configuration calls a folder of images -> the folder.
    """

    studies: tuple[Study, ...]
    named_fields: frozenset[str]
    weights: "dict[str, Path]"
    folders: "Folders"


def read_request(args: argparse.Namespace) -> Request:
    """Returns what parsed arguments ask for; only `study.grid` has a `--where`."""
    return Request(
        studies=tuple(args.studies),
        where=tuple(getattr(args, "where", ())),
        smoke=args.smoke,
        changes=options.read_changes(args),
        num_seeds=args.seeds,
        cpus_per_trial=args.cpus_per_trial,
        gpus_per_trial=args.gpus_per_trial,
        stall_timeout=args.stall_timeout,
        locations=command.read_locations(args),
    )


def choose(request: Request) -> Chosen:
    """Returns the studies of a request; of a folder of images it says what is in it.

    Raises:
        ConfigurationError: an option that does not apply, a study that does not exist.
        DataError: weights or images that cannot be read.
    """
    overridden = options.overridden_defaults(request.changes, find(list(request.studies) or [DEFAULT]))
    if overridden:
        from study.commandline.terminal import console

        console().print(f"--defaults {request.changes.defaults}: set otherwise by name: {', '.join(overridden)}")
    identity, weights = options.read_weights(request.changes.weights)
    changes = options.name_own_code(replace(request.changes, weights=identity))
    if not changes.concern_a_folder:
        studies = _changed_studies(request, changes)
        return Chosen(studies, changes.named_fields, weights, {})

    from study.commandline import own_folder
    from study.commandline.own_folder_summary import print_summary
    from study.commandline.terminal import console

    screen = console()
    folder = own_folder.named_folder(changes)
    survey = own_folder.look_into(folder, screen)
    folder = replace(folder, survey=survey)
    is_own = OWN in request.studies
    changes = own_folder.settle(changes, survey, takes_every_image=is_own)
    size = own_folder.small_size(changes, survey)
    if size is not None:
        changes = replace(changes, image_size=size)
    studies = _changed_studies(request, changes)
    plan = own_folder.plan_folder(survey, studies[0].arms[0].configuration.data)
    if size is not None:
        plan = replace(plan, why_size=", enough for a small network; --image-size says otherwise")
    print_summary(plan, screen, is_pooled_by_name=changes.split is not None)
    if is_own:
        assigned = changes.assigned_fields
        studies = tuple(own_folder.fit_study(study, plan.for_study(study), assigned, screen) for study in studies)
    return Chosen(studies, changes.named_fields, weights, {survey.source: folder})


def _changed_studies(request: Request, changes: Changes) -> tuple[Study, ...]:
    """Returns the named studies: first the arms that `--where` names, then the smoke size, then the changes.

    So what is asked for by name wins over the smoke size.
    """
    studies = []
    for study in find(list(request.studies) or [DEFAULT]):
        for field, value in request.where:
            study = study.where(field, value)
        if request.smoke:
            study = study.smoke()
        studies.append(options.apply(study, changes))
    options.check(studies)
    return tuple(studies)
