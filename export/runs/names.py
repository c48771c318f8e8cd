"""What the files of a run are called."""

from export.conversion import REDUCED

KEEP, FOLD, REMOVE, NONE = ("keep", "fold", "remove", "none")
RECALIBRATED = "recalibrated"
EXACT = (KEEP, FOLD, f"{FOLD}-{RECALIBRATED}", REMOVE, f"{REMOVE}-{RECALIBRATED}", NONE, f"{NONE}-{RECALIBRATED}")
VARIANTS = (*EXACT, *(f"{exact}-{reduced}" for exact in (FOLD, NONE) for reduced in REDUCED))
