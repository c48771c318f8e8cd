"""Which verified files does a recorded run become, and which of them is deployed?"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from export.runs.choosing import BEST_FIRST, best_arm, best_run, champion
    from export.runs.names import FOLD, KEEP, NONE, RECALIBRATED, REMOVE, TARGET, VARIANTS
    from export.runs.thresholds import Threshold
    from export.runs.variants import Exported, export_run
else:
    from trainables.common import public_names

    _FILES = {
        "choosing": (
            "BEST_FIRST",
            "best_arm",
            "best_run",
            "champion",
        ),
        "names": (
            "FOLD",
            "KEEP",
            "NONE",
            "RECALIBRATED",
            "REMOVE",
            "TARGET",
            "VARIANTS",
        ),
        "thresholds": ("Threshold",),
        "variants": (
            "Exported",
            "export_run",
        ),
    }
    __getattr__ = public_names(__name__, _FILES)

__all__ = [
    "BEST_FIRST",
    "FOLD",
    "KEEP",
    "NONE",
    "RECALIBRATED",
    "REMOVE",
    "TARGET",
    "VARIANTS",
    "Exported",
    "Threshold",
    "best_arm",
    "best_run",
    "champion",
    "export_run",
]
