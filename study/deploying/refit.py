"""The answer's setting for every image: what `--refit` trains, and the thresholds that its file gets. Pure but reading.

With every image in training none is left to choose a threshold on. The runs of the answer have scores of images that
they had not trained on: an image's lead is its mean over the seeds that held it out for validation, and the threshold
is chosen on those. Test scores choose nothing here either.
"""

from collections.abc import Iterable

import numpy as np

from export.runs import RECALIBRATED, TARGET, Threshold
from study.answers import Answer
from study.evidence import Group
from study.studies import Arm, Study
from trainables.evaluation import Target, choose_operating_point, lead_of, odds_for
from trainables.storage import PREDICTIONS, Record, RunFolder

SUFFIX = "-refit"  # of the study that such a run is recorded under: no table and no verdict reads that


def refit_study(group: Group, answer: Answer) -> Study:
    """Returns the study of one run: the answer's arm, trained on every image of its classes."""
    chosen = answer.chosen
    everything = {"data.split": "everything", "data.train_majority": "all", "data.train_minority": "all"}
    configuration = group.configuration(chosen.arm).replace(everything)
    study = group.study
    return Study(
        name=f"{study.name}{SUFFIX}",
        source=study.source,
        title="the chosen setting, trained on every image",
        arms=(Arm(chosen.arm, configuration, method=chosen.method),),
        pairs=(),
        claims=(),
        seeds=1,
    )


def held_out_thresholds(records: Iterable[Record], folder: RunFolder, target: Target | None) -> list[Threshold]:
    """Returns the thresholds that validation scores of an arm's runs choose together; none where they lack a role.

    Args:
        records: of one arm, a seed each.
        folder: where their predictions lie.
        target: what a further threshold is chosen for; None for none.

    Raises:
        UnreachableError: no threshold reaches the target.
        RecordError: the predictions of a run are missing or damaged.
    """
    leads_of: dict[int, list[float]] = {}
    is_rare_of: dict[int, bool] = {}
    data = None
    for record in records:
        data, tensors = record.typed_configuration().data, folder.tensors(record, PREDICTIONS)
        if "validation/scores" not in tensors:
            continue
        leads = lead_of(tensors["validation/scores"], len(data.majority))
        for position, label, lead in zip(
            tensors["validation/positions"].tolist(), tensors["validation/labels"].tolist(), leads.tolist(), strict=True
        ):
            leads_of.setdefault(position, []).append(lead)
            is_rare_of[position] = label >= len(data.majority)
    is_rare = np.array([is_rare_of[position] for position in leads_of], dtype=np.bool_)
    if data is None or not is_rare.any() or is_rare.all():
        return []
    lead = np.array([np.mean(leads) for leads in leads_of.values()])
    goals = {RECALIBRATED: Target()} | ({} if target is None else {TARGET: target})
    return [
        Threshold(name, goal, choose_operating_point(lead, is_rare, goal, odds_for(goal, data, is_rare)))
        for name, goal in goals.items()
    ]
