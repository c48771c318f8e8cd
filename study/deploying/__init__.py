"""Which runs are exported together, which file is to be deployed, under what name, and what does its model card say?"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from study.deploying.choosing import choose_deployed
    from study.deploying.files import DEPLOY, lines_on, name_of, write_deployed
    from study.deploying.model_card import ModelCard
    from study.deploying.refit import held_out_thresholds, refit_study
    from study.deploying.selection import Selection, select
else:
    from trainables.common import public_names

    _FILES = {
        "choosing": ("choose_deployed",),
        "files": ("DEPLOY", "lines_on", "name_of", "write_deployed"),
        "model_card": ("ModelCard",),
        "refit": ("held_out_thresholds", "refit_study"),
        "selection": ("Selection", "select"),
    }
    __getattr__ = public_names(__name__, _FILES)

__all__ = [
    "DEPLOY",
    "ModelCard",
    "Selection",
    "choose_deployed",
    "held_out_thresholds",
    "lines_on",
    "name_of",
    "refit_study",
    "select",
    "write_deployed",
]
