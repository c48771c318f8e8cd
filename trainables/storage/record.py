"""What one run was and what it measured: the content of `record.json`."""

from datetime import datetime
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from trainables.configuration import Configuration


class Record(BaseModel):
    """What one run was and what it measured; `history[metric][epoch - 1]`, None where a metric is undefined."""

    model_config = ConfigDict(frozen=True)

    study: str
    arm: str = Field(description="name of the configuration within its study when it ran")
    key: str
    seed: int
    status: Literal["complete", "failed"]
    reason: str = Field("", description="why a failed run failed")
    configuration: dict[str, Any] = Field(description="flat: section.field -> value")
    data_fingerprint: str
    history: dict[str, list[float | None]] = Field(default={}, description="split/metric/class -> one value per epoch")
    best_epoch_by_validation: int | None = Field(None, description="highest mean F1 over classes on validation")
    best_epoch_by_test: int | None = Field(None, description="the same on test: a look ahead, never used to choose")
    batch_composition: dict[str, int] = Field(default={}, description="minority images in a batch -> batches")
    stack_size: int = Field(1, description="seeds that trained as one network with this one, itself included")
    seconds: float = Field(description="wall time; of a trial with several seeds, an equal share")
    finished_at: str = Field(description="UTC, ISO 8601")
    device: str
    versions: dict[str, str] = {}
    files: dict[str, str] = Field(default={}, description="file name -> SHA-256")

    def check_whole(self) -> None:
        """Raises ValueError for what a damaged file may say and would only be found out where it is shown."""
        datetime.fromisoformat(self.finished_at)
        unnamed = [name for name in self.history if name.count("/") < 2]
        if unnamed:
            raise ValueError(f"history: {unnamed[0]!r} is not split/metric/class")
        last = max(self.best_epoch_by_validation or 0, self.best_epoch_by_test or 0)
        epochs = max(map(len, self.history.values()), default=0)
        if self.history and last > epochs:
            raise ValueError(f"best epoch {last} of {epochs}")

    def metric(self, name: str, epoch: int | None = None) -> float:
        """Returns a metric after `epoch` epochs (default: the last), NaN where undefined or not measured."""
        values = self.history.get(name) or [None]
        value = values[-1 if epoch is None else epoch - 1]
        return float("nan") if value is None else value

    def metrics(self) -> dict[str, float]:
        """Returns every metric of the last epoch that is defined."""
        return {name: values[-1] for name, values in self.history.items() if values and values[-1] is not None}

    def typed_configuration(self) -> Configuration:
        """Returns the configuration as a typed value."""
        return Configuration.from_flat(self.configuration)
