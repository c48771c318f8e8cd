"""Does an ONNX file compute what its network computes, on whole test sets through onnxruntime?"""

from export.verification.decisions import TIE, decided_differently
from export.verification.installation import check_installation
from export.verification.sessions import BATCH, LEVELS, Pixels, Probabilities, infer, open_session
from export.verification.verify import (
    F1_TOLERANCE,
    LEVELS_TOLERANCE,
    HeldOut,
    Verification,
    largest_loss,
    share_decided_differently,
    verify,
)

__all__ = [
    "BATCH",
    "F1_TOLERANCE",
    "LEVELS",
    "LEVELS_TOLERANCE",
    "TIE",
    "HeldOut",
    "Pixels",
    "Probabilities",
    "Verification",
    "check_installation",
    "decided_differently",
    "infer",
    "largest_loss",
    "open_session",
    "share_decided_differently",
    "verify",
]
