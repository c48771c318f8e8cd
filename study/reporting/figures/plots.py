"""The registry of figures: which a study has."""

from collections.abc import Callable

from matplotlib.figure import Figure

from study.evidence import Group
from study.reporting.figures.arms import f1_per_arm
from study.reporting.figures.curves import gain_over_rate, over_batch_size, over_epochs, over_prevalence, over_ratio
from study.reporting.figures.images import outputs_per_image, reliability
from study.reporting.figures.own_studies import effects_of_defaults, learned_shift
from study.reporting.predictions import Predictions
from study.studies import Study
from trainables.evaluation import F1_AT_TRAINING_PREVALENCE

Plot = Callable[[Group, Predictions], Figure | None]  # None where the records for it are missing


def plots_of(study: Study) -> dict[str, Plot]:
    """Returns name -> figure of a study: its own ones, and the common ones where it compares arms."""
    common = COMMON if study.pairs else {}
    if any(claim.metric == F1_AT_TRAINING_PREVALENCE for claim in study.claims):
        common = common | {"prevalence": over_prevalence}
    return common | PLOTS.get(study.name_parts.base, {})


COMMON: dict[str, Plot] = {"f1": f1_per_arm, "reliability": reliability}
PLOTS: dict[str, dict[str, Plot]] = {
    "figure1": {"outputs": outputs_per_image},
    "figure2a": {"ratio": over_ratio},
    "figure2b": {"batch": over_batch_size},
    "learning-rate": {"gain": gain_over_rate},
    "weighted-bn": {"epochs": over_epochs},
    "class-balanced-bn": {"epochs": over_epochs},
    "defaults": {"effects": effects_of_defaults},
    "mechanism": {"shift": learned_shift},
}
