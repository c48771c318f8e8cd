"""Does an ONNX file compute what its network computes, on whole test sets through onnxruntime?"""

from export.verification.installation import check_installation
from export.verification.verify import (
    BATCH,
    F1_TOLERANCE,
    HeldOut,
    Pixels,
    Verification,
    infer,
    largest_loss,
    open_session,
    verify,
)

__all__ = [
    "BATCH",
    "F1_TOLERANCE",
    "HeldOut",
    "Pixels",
    "Verification",
    "check_installation",
    "infer",
    "largest_loss",
    "open_session",
    "verify",
]
