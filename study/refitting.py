"""`study.grid --refit`: the answer's setting, trained once more on every image, and its file to deploy."""

import sys
from dataclasses import replace
from typing import TYPE_CHECKING

from study.commandline import DONE, INCOMPLETE, say
from trainables.common import StudyError
from trainables.evaluation import Target

if TYPE_CHECKING:
    from rich.console import Console

    from study.answers import Answer
    from study.evidence import Group
    from study.execution import Settings
    from study.studies import Study
    from trainables.storage import RunFolder


def refit(study: "Study", settings: "Settings", target: Target | None, screen: "Console") -> int:
    """Trains the setting that the answer to a study names on every image, and writes its file to deploy.

    The run is recorded under a study of its own, which no table reads; MLflow is not told of it, as its metrics are of
    images that it trained on.

    Args:
        study: of somebody's own images, as it was run.
        settings: that it was run with.
        target: what the threshold is chosen for; None for the answer's own.
        screen: hears how far it is.

    Returns:
        DONE, or INCOMPLETE where there is no answer yet or the file could not be made.
    """
    from study.deploying import refit_study
    from study.execution import Lease, run_session
    from study.reporting import answer_of, groups_of
    from study.studies import find
    from trainables.storage import RunFolder

    folder = RunFolder(settings.runs)
    keys = {arm.configuration.key for arm in study.arms}
    declared = find([study.name])[0]
    group = next((group for group in groups_of(declared, folder) if group.keys & keys), None)
    answer = None if group is None else answer_of(group, folder)
    if group is None or answer is None:
        say("--refit: no finished run says which setting to train", sys.stderr)
        return INCOMPLETE
    again = refit_study(group, answer)
    say(f"--refit: {answer.chosen.arm}, on every image", screen)
    try:
        with Lease(folder, say):
            outcome = run_session([again], replace(settings, num_seeds=1, tracking_uri=None), screen)
        for problem in outcome.problems:
            say(f"failed: {problem}", sys.stderr)
        if outcome.problems:
            return INCOMPLETE
        return _export(group, answer, again, settings, target, folder)
    except (StudyError, OSError) as error:  # a target out of reach, a full disk, images that changed meanwhile
        say(f"--refit: {error}", sys.stderr)
        return INCOMPLETE


def _export(
    group: "Group", answer: "Answer", again: "Study", settings: "Settings", target: Target | None, folder: "RunFolder"
) -> int:
    from export.runs import export_run
    from study.commandline import remembered
    from study.deploying import DEPLOY, choose_deployed, held_out_thresholds, lines_on, write_deployed
    from study.reporting import achieved_targets, output_folder, own_title
    from trainables.data import load_images

    (arm,) = again.arms
    data = arm.configuration.data
    record = next(iter(folder.records(again.name, arm.configuration.key)))
    runs = group.records[answer.chosen.arm].values()
    thresholds = held_out_thresholds(runs, folder, target)
    images = load_images(data.source, settings.data_root, data.image_size, remembered(folder), on_disk=True)
    place = output_folder(folder, "onnx") / again.name / record.key / f"seed-{record.seed}"
    exported = export_run(record, folder, images, place, reduced=False, target=target, thresholds=thresholds)
    deployed = choose_deployed([exported], [record], answer, target)
    if deployed is None:
        return INCOMPLETE
    achieved = achieved_targets(group, [answer.chosen.arm], target, folder) if target else []
    place, title = output_folder(folder, DEPLOY), own_title(group, folder)
    file, card = write_deployed(place, title, group, answer, deployed, images, target, achieved)
    for line in lines_on(file, card):
        say(line)
    return DONE
