"""The model card beside a deployed file: what it was made of, what it does, how sure that is. Pure: values to text."""

import json
import math
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from study.evidence import Interval
from trainables.common import for_markdown
from trainables.evaluation import Estimate

OF_RUNS = "The F1, recall and precision over seeds are those of the runs of this arm; the file is one of these runs."
OF_REFIT = (
    "The F1, recall and precision are those of the runs of this setting, not of this file: it was trained on every "
    "photo, so that none is left to test it."
)
LIMITS = (
    "They hold for photos like those that were tested: the same cameras, places, seasons and share of rare ones.",
    "A photo of no class gets one all the same. The probability is not calibrated.",
    "Arm, threshold and run were chosen on validation photos; test photos chose nothing.",
)


@dataclass(frozen=True)
class OwnMetrics:
    """What one file does on the test photos of its run, with intervals over these photos.

    Attributes:
        f1, recall, precision: of the rare role.
        confusion: photos (label, decided).
    """

    f1: Interval
    recall: Estimate
    precision: Estimate
    confusion: list[list[int]]


@dataclass(frozen=True)
class ModelCard:
    """Everything that is said of a deployed file.

    Attributes:
        name: of the file, without its ending.
        headline: the answer that it follows from.
        study, arm, variant, key, seed: which run and which of its files it is.
        refit_of: the key of the runs that chose the setting, where the file was trained on every photo; else "".
        sha256: of the file.
        photos: class -> {"train" | "validation" | "test": photos of this run}.
        data_fingerprint: of the photos.
        rare: names of the rare classes.
        f1, recall, precision: of the rare role on test photos, mean over the arm's seeds, intervals in [0, 1].
        seeds: number of them.
        target: what the threshold was chosen for; "" for the best F1, or none.
        target_met: how many seeds meet it on test photos; None for no bound.
        own: of this very file; None where every photo trained it.
        threshold: of the rare class's probability before the shift that is inside the file.
        preprocessing: what is done to a photo, and where.
        versions: package -> version.
        made: day of the run, ISO 8601.
    """

    name: str
    headline: str
    study: str
    arm: str
    variant: str
    key: str
    refit_of: str
    seed: int
    sha256: str
    photos: Mapping[str, Mapping[str, int]]
    data_fingerprint: str
    rare: tuple[str, ...]
    f1: Interval
    recall: Interval
    precision: Interval
    seeds: int
    target: str
    target_met: int | None
    own: OwnMetrics | None
    threshold: float
    preprocessing: Mapping[str, str]
    versions: Mapping[str, str]
    made: str

    @property
    def in_short(self) -> str:
        """Which arm and variant, what it was chosen for, and what its arm does; a line for the screen."""
        means = {"F1": self.f1, "recall": self.recall, "precision": self.precision}
        numbers = ", ".join(f"{what} {_text(of.mean, of)}" for what, of in means.items())
        target = f" ({self.target})" if self.target else ""
        if self.refit_of:
            return f"{self.arm}, {self.variant}{target}, trained on every photo; of the runs, not its own: {numbers}"
        return f"{self.arm}, {self.variant}{target}, seed {self.seed}; over {self._seeds}: {numbers}"

    @property
    def _seeds(self) -> str:
        return f"{self.seeds} seed{'' if self.seeds == 1 else 's'}"

    @property
    def _limits(self) -> tuple[str, ...]:
        return (OF_REFIT if self.refit_of else OF_RUNS, *LIMITS)

    def as_json(self) -> str:
        """Returns all of it as JSON; what is undefined is null."""
        return json.dumps(_plain({**asdict(self), "limits": self._limits}), indent=1, allow_nan=False)

    def as_markdown(self) -> str:
        """Returns it as a page to read."""
        classes = ", ".join(map(for_markdown, self.photos))
        head = [f"# {for_markdown(self.name)}", "", f"Tells {classes} apart. {for_markdown(self.headline)}", ""]
        return "\n".join([*head, *self._parts()])

    def _parts(self) -> Iterator[str]:
        rare = for_markdown(", ".join(self.rare))
        trained = f"; trained on every photo, as runs {self.refit_of} chose" if self.refit_of else ""
        run = f"run {self.key}, seed {self.seed} of study {self.study}{trained}"
        yield f"- **Model:** {for_markdown(self.arm)}, {self.variant} ({run})"
        yield f"- **File:** `{self.name}.onnx`, SHA-256 {self.sha256}"
        inside = "; it is inside the file, whose own probability decides at 0.5" if self.threshold != 0.5 else ""
        yield f"- **Threshold:** {self.threshold:.3g} of the probability of {rare}, {self._chosen_for()}{inside}"
        yield from ("", "## What it does", "", *self._measured())
        yield from ("", "## Photos", "", "| class | train | validation | test |", "|---|---:|---:|---:|")
        for name, counts in self.photos.items():
            yield f"| {for_markdown(name)} | {counts['train']} | {counts['validation']} | {counts['test']} |"
        yield f"\nFingerprint of all of them: {self.data_fingerprint}"
        yield from ("", "## Preprocessing", "", *(f"- {what}: {how}" for what, how in self.preprocessing.items()))
        yield from ("", "## Limits", "", *(f"- {limit}" for limit in self._limits))
        yield from ("", "## Versions", "", ", ".join(f"{name} {version}" for name, version in self.versions.items()))
        yield f"\nTrained on {self.made}.\n"

    def _measured(self) -> Iterator[str]:
        yield f"Of {for_markdown(', '.join(self.rare))}, on test photos{f'. {OF_REFIT}' if self.refit_of else ':'}"
        yield ""
        own = self.own
        yield f"| | {self._seeds} of the arm, 95 % |" + (
            " this file on the test photos of its run, 95 % |" if own else ""
        )
        yield "|---|---|" + ("---|" if own else "")
        rows = (
            ("F1", self.f1, own and (own.f1.mean, own.f1)),
            ("recall", self.recall, own and (own.recall.value, own.recall)),
            ("precision", self.precision, own and (own.precision.value, own.precision)),
        )
        for what, over_seeds, own_value in rows:
            own_cell = f" {_text(*own_value)} |" if own_value else ""
            yield f"| {what} | {_text(over_seeds.mean, over_seeds)} |{own_cell}"
        if self.target_met is not None:
            yield from ("", f"{self.target}: met on test photos by {self.target_met} of {self._seeds}.")
        if own is None:
            return
        yield ""
        yield "| label \\ decided | " + " | ".join(map(for_markdown, self.photos)) + " |"
        yield "|---|" + "---:|" * len(self.photos)
        for name, row in zip(self.photos, own.confusion, strict=True):
            yield f"| {for_markdown(name)} | " + " | ".join(map(str, row)) + " |"

    def _chosen_for(self) -> str:
        if self.target:
            return f"chosen on validation for {self.target}"
        return "chosen on validation for the best F1" if self.threshold != 0.5 else "as it was trained"


def _text(value: float, bounds: Interval | Estimate) -> str:
    if math.isnan(value):
        return "-"
    return f"{value:.3f}" + ("" if math.isnan(bounds.low) else f" [{bounds.low:.2f}, {bounds.high:.2f}]")


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _plain(each) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(each) for each in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
