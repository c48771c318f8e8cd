"""What can go wrong between a network and its ONNX file."""

from trainables.common import StudyError

ATOL = 1e-5  # on probabilities: float32 sums in another order differ by about 1e-7 per operation


class ExportError(StudyError):
    """A network or a graph that a converter cannot take."""


class ExportMismatchError(ExportError):
    """An exported file does not compute what its network computes."""

    def __init__(self, subject: str, difference: float) -> None:
        super().__init__(f"{subject}: differs from PyTorch by {difference:.2g} in probability; {ATOL:g} is allowed")
        self.subject, self.difference = subject, difference


class SurgeryError(StudyError):
    """The graph has no final batch norm that can be folded or removed; says why."""
