"""Which verified files does a recorded run become, and which of them is deployed?"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from export.runs.choosing import BEST_FIRST, best_arm, best_run, champion
    from export.runs.names import KEEP, NONE, REMOVE, VARIANTS
    from export.runs.variants import Exported, export_run
else:
    from trainables.lazy import public_names

    _FILES = {
        "choosing": (
            "BEST_FIRST",
            "best_arm",
            "best_run",
            "champion",
        ),
        "names": (
            "KEEP",
            "NONE",
            "REMOVE",
            "VARIANTS",
        ),
        "variants": (
            "Exported",
            "export_run",
        ),
    }
    __getattr__ = public_names(__name__, _FILES)

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
