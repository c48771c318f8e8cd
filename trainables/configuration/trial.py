"""What one process trains."""

from dataclasses import dataclass

from trainables.configuration.configuration import Configuration


@dataclass(frozen=True)
class Trial:
    """Some seeds of one configuration of a study, trained in one process."""

    study: str
    arm: str
    configuration: Configuration
    seeds: tuple[int, ...]
