"""fp16 and int8 of a run: of several candidates the first that keeps both roles' F1 and decides alike everywhere."""

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass

import numpy as np
import numpy.typing as npt
from onnx import ModelProto

from export.conversion import CALIBRATION_IMAGES, FP16, INT8, Candidate, fp16_candidates, int8_candidates
from export.runs.trained_network import TrainedRun, as_photos
from export.verification import F1_TOLERANCE, LEVELS, infer, largest_loss, open_session, share_decided_differently
from trainables.data import Images
from trainables.evaluation import measure

LEVELS_IMAGES = 128  # of validation, to compare optimisation levels on
MakeCandidates = Callable[[ModelProto, npt.NDArray[np.uint8]], Iterable[Candidate]]
CANDIDATES: Mapping[str, MakeCandidates] = {
    FP16: lambda model, _: fp16_candidates(model),
    INT8: int8_candidates,
}


@dataclass(frozen=True)
class Judged:
    """What a candidate does on validation images.

    Attributes:
        name: what is in fewer bits.
        f1_loss: by how much the F1 of the role that lost most is below that of the graph it was made from.
        levels_differ: share of LEVELS_IMAGES that optimisation levels decide differently; 1, not measured, where the
            F1 is lost already.
    """

    name: str
    f1_loss: float
    levels_differ: float

    @property
    def is_good(self) -> bool:
        """Whether both roles keep their F1 and all optimisation levels decide alike."""
        return self.f1_loss <= F1_TOLERANCE and self.levels_differ == 0


def reduced_model(kind: str, run: TrainedRun, model: ModelProto, images: Images) -> ModelProto:
    """Returns a graph in fewer bits: the first good candidate by validation, else the one that loses least.

    Where validation lacks images of a role, training images judge. The metadata say which candidate it is, and how the
    ones before it were judged.

    Args:
        kind: FP16 or INT8.
        run: what the graph was made from.
        model: its graph, batch norms folded.
        images: the run's data set.
    """
    calibration = np.random.default_rng(0).permutation(run.split.train)[:CALIBRATION_IMAGES]
    judge = _judge(run, model, images)
    judged: list[Judged] = []
    best: tuple[Judged, ModelProto] | None = None
    for candidate in CANDIDATES[kind](model, as_photos(images, calibration)):
        verdict = judge(candidate)
        judged.append(verdict)
        if best is None or _loss(verdict) < _loss(best[0]):
            best = (verdict, candidate.model)
        if verdict.is_good:
            break
    assert best is not None  # both kinds have candidates
    chosen, reduced = best
    reduced.metadata_props.add(key="reduced", value=chosen.name)
    reduced.metadata_props.add(key="reduced_candidates", value=json.dumps([asdict(verdict) for verdict in judged]))
    return reduced


def _loss(verdict: Judged) -> tuple[bool, float, float]:
    return (not verdict.is_good, max(verdict.f1_loss, 0.0), verdict.levels_differ)


def _judge(run: TrainedRun, model: ModelProto, images: Images) -> Callable[[Candidate], Judged]:
    """Returns what measures a candidate against the graph it was made from."""
    data, split = run.configuration.data, run.split
    roles = np.array(data.roles)
    validates_every_role = set(roles[split.classes[split.validation]]) == set(roles)
    positions = split.validation if validates_every_role else split.train  # a role without images cannot be judged
    photos, labels = as_photos(images, positions), split.classes[positions]

    def metrics(outputs: npt.NDArray[np.float32]) -> dict[str, float]:
        return measure(np.nan_to_num(outputs), labels, data.classes, data.roles)

    before = metrics(infer(open_session(model.SerializeToString(), threads=0), photos))

    def judge(candidate: Candidate) -> Judged:
        content = candidate.model.SerializeToString()
        outputs = infer(open_session(content, threads=0), photos)
        is_finite = bool(np.isfinite(outputs).all())
        f1_loss = largest_loss(before, metrics(outputs), data.roles) if is_finite else 1.0
        if f1_loss > F1_TOLERANCE:
            return Judged(candidate.name, f1_loss, 1.0)
        some, expected = photos[:LEVELS_IMAGES], outputs[:LEVELS_IMAGES]
        at_levels = [infer(open_session(content, level, threads=0), some) for level in LEVELS]
        return Judged(candidate.name, f1_loss, max(share_decided_differently(one, expected) for one in at_levels))

    return judge
