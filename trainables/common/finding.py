"""What `study.doctor` prints: each part of the system offers a `check()` that returns findings."""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Finding:
    """The outcome of one check; `detail` says what is there or, where it failed, what to do."""

    subject: str
    state: Literal["ok", "failed", "not applicable"]
    detail: str
