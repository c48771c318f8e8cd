"""Which verified files does a recorded run become, and which of them is deployed?"""

from export.runs.champion import BEST_FIRST, best_arm, best_run, champion
from export.runs.variants import KEEP, NONE, REMOVE, VARIANTS, Exported, export_run

__all__ = [
    "BEST_FIRST",
    "KEEP",
    "NONE",
    "REMOVE",
    "VARIANTS",
    "Exported",
    "best_arm",
    "best_run",
    "champion",
    "export_run",
]
