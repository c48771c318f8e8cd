"""No classifier that tells nothing apart makes any claim of any study "reproduced", whatever it is compared with."""

from collections.abc import Callable
from functools import cache

import numpy as np
import pytest

from study.evidence import MARGIN, REPRODUCED, Group, judge
from study.studies import STUDIES, Claim, Study, find
from tests.support.records import make_record
from trainables.evaluation import measure
from trainables.storage import Record

SEEDS = range(10)
IMAGES = 150  # of each class
Classifier = Callable[[np.random.Generator, np.ndarray, int, int], np.ndarray]  # -> (images,) decided class


def always_rare(rng: np.random.Generator, labels: np.ndarray, num_majority: int, num_classes: int) -> np.ndarray:
    """Says the first rare class."""
    return np.full(len(labels), min(num_majority, num_classes - 1))


def always_frequent(rng: np.random.Generator, labels: np.ndarray, num_majority: int, num_classes: int) -> np.ndarray:
    """Says the first frequent class: what a collapsed control does."""
    return np.zeros(len(labels), dtype=int)


def coin(rng: np.random.Generator, labels: np.ndarray, num_majority: int, num_classes: int) -> np.ndarray:
    """Says any class, each as often."""
    return rng.integers(0, num_classes, len(labels))


def mediocre(rng: np.random.Generator, labels: np.ndarray, num_majority: int, num_classes: int) -> np.ndarray:
    """Is right for some 60 to 80 % of the images, by seed: a control that works."""
    return np.where(
        rng.random(len(labels)) < rng.uniform(0.6, 0.8), labels, coin(rng, labels, num_majority, num_classes)
    )


TRIVIAL = (always_rare, always_frequent, coin)
CONTROLS = (mediocre, always_frequent)


def _record(study: Study, arm: str, seed: int, classifier: Classifier, is_treated: bool) -> Record:
    """Returns a record whose networks decide as a classifier does, with the norm or without."""
    data = study.arm(arm).configuration.data
    history = _history(data.classes, data.roles, classifier, seed, is_treated)
    return _blank(study.name, arm).model_copy(update={"seed": seed, "history": dict(history)})


@cache
def _blank(study: str, arm: str) -> Record:
    """Returns the record of an arm without metrics: a configuration's key is what takes time here."""
    return make_record(arm, configuration=find([study])[0].arm(arm).configuration)


@cache
def _history(
    classes: tuple[str, ...], roles: tuple[str, ...], classifier: Classifier, seed: int, is_treated: bool
) -> dict[str, list[float | None]]:
    """Returns the metrics of two epochs alike."""
    labels = np.repeat(np.arange(len(classes)), IMAGES)
    rng = np.random.default_rng([seed, int(is_treated)])
    history: dict[str, list[float | None]] = {"train/loss/all": [1.0, 1.0]}
    for split in ("test", "test-removed", "validation"):
        decided = classifier(rng, labels, roles.count("majority"), len(classes))
        p = np.eye(len(classes))[decided] * 0.6 + rng.dirichlet(np.ones(len(classes)), len(labels)) * 0.4
        measured = {**measure(p, labels, classes, roles), "loss/all": float(rng.uniform(0.2, 0.9))}
        history |= {f"{split}/{name}": [value, value] for name, value in measured.items()}
    return history


def _group(study: Study, claim: Claim, treated: Classifier, control: Classifier) -> Group:
    """Returns a group in which the arms that a claim treats decide in one way, all others in another."""
    of_claim = {*claim.treated, *claim.elsewhere[0]}
    if claim.metric.split("/")[1] != "f1":  # named the other way round where something is said to fall
        of_norm = {
            a for a in (*claim.treated, *claim.control) if study.arm(a).configuration.network.final_norm != "none"
        }
        of_claim = of_norm or of_claim
    named = {*claim.treated, *claim.control, *claim.elsewhere[0], *claim.elsewhere[1]}
    names = named if claim.test != "best" or claim.control else {a.name for a in study.arms}
    records = {
        name: {
            seed: _record(study, name, seed, treated if name in of_claim else control, name in of_claim)
            for seed in SEEDS
        }
        for name in names
    }
    return Group(study, "as declared", records)


CLAIMS = [(study.name, claim.id) for study in find(list(STUDIES)) for claim in study.claims]


@pytest.mark.parametrize(("name", "claim_id"), CLAIMS)
def test_trivial_classifiers_reproduce_nothing(name: str, claim_id: str) -> None:
    study = find([name])[0]
    claim = next(claim for claim in study.claims if claim.id == claim_id)
    for treated in TRIVIAL:
        for control in CONTROLS:
            found = judge(claim, _group(study, claim, treated, control))
            assert found.verdict != REPRODUCED, f"{treated.__name__} against {control.__name__}: {found.reason}"


def test_what_version_1_said_of_them() -> None:
    """Always-rare passed H1 by the minority's F1 alone, and H0 against a control that collapsed."""
    study = find(["digits"])[0]
    by_id = {claim.id: claim for claim in study.claims}
    group = _group(study, by_id["H1a"], always_rare, always_frequent)
    removed, plain = (group.interval(arm, f"{split}/f1/minority").mean
                      for arm, split in (("final BN", "test-removed"), ("plain", "test")))  # fmt: skip
    assert removed - plain - 0.5 * (group.interval("final BN", "test/f1/minority").mean - plain) > 0.3
    assert group.gain("final BN", "plain", "test/f1/minority").low > 0.6
    assert {judge(by_id[name], group).verdict for name in ("H0", "H1a", "H1b")} == {"not judged"}


@pytest.mark.parametrize(("name", "claim_id"), [pair for pair in CLAIMS if pair[1] in ("H6", "H5 two majorities")])
def test_an_effect_of_twice_the_margin_is_found_where_none_is_claimed(name: str, claim_id: str) -> None:
    study = find([name])[0]
    claim = next(claim for claim in study.claims if claim.id == claim_id)
    group = _group(study, claim, mediocre, mediocre)
    for arm in claim.treated:
        for seed, record in group.records[arm].items():
            control = group.records[claim.control[0]][seed].metric(claim.metric)
            raised = {**record.history, claim.metric: [control + 2 * MARGIN] * 2}
            group.records[arm][seed] = record.model_copy(update={"history": raised})
    assert judge(claim, group).verdict == "not reproduced"
