"""What the export of a study was asked for: by `python -m export`, or by another command when its runs are done."""

from dataclasses import dataclass
from pathlib import Path

from study.locations import Locations
from trainables.errors import ConfigurationError


@dataclass(frozen=True)
class ExportRequest:
    """What is exported of a study, and where to.

    Attributes:
        study: name of a study with finished runs.
        locations: where runs, MLflow and data lie.
        key: of one configuration to export instead of the declared pair; None for the pair.
        source: the only data to take, as a configuration names them; None for all.
        every_arm: whether every arm is exported instead of the first declared pair.
        best: whether only the best run of each arm is, by validation, and the best arm besides the pair.
        require_h1: whether it is a failure if H1 is not reproduced.
        output: folder for the files; None for onnx/STUDY in the run folder, here if that is a URL.
        as_markdown: whether the table is printed as Markdown.

    Raises:
        ConfigurationError: wishes that exclude each other.
    """

    study: str
    locations: Locations
    key: str | None = None
    source: str | None = None
    every_arm: bool = False
    best: bool = False
    require_h1: bool = False
    output: Path | None = None
    as_markdown: bool = False

    def __post_init__(self) -> None:
        if self.require_h1 and (self.best or self.every_arm):
            raise ConfigurationError("--require-h1 judges all seeds of the declared pair; not with --best or --all")
        if self.key and self.every_arm:
            raise ConfigurationError("--key exports one configuration; not with --all")
