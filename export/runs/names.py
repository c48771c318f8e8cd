"""What the files of a run are called."""

from export.conversion import REDUCED

KEEP, FOLD, REMOVE, NONE = ("keep", "fold", "remove", "none")
RECALIBRATED = "recalibrated"
TARGET = "target"  # the threshold is chosen for --target, --cost or --prevalence
THRESHOLDS = ("", f"-{RECALIBRATED}", f"-{TARGET}")
EXACT = (KEEP, *(f"{exact}{ending}" for exact in (FOLD, REMOVE, NONE) for ending in THRESHOLDS))
VARIANTS = (*EXACT, *(f"{exact}-{reduced}" for exact in (FOLD, NONE) for reduced in REDUCED))
