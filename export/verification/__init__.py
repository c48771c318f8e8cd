"""Does an ONNX file compute what its network computes, on whole test sets through onnxruntime?"""

from export.verification.installation import check_installation
from export.verification.sessions import BATCH, Pixels, infer, open_session
from export.verification.verify import F1_TOLERANCE, HeldOut, Verification, largest_loss, verify

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
