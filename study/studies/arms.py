"""What K21's image studies share (sec. 3.1-4.2) and how their arms and pairs are named."""

from collections.abc import Iterable, Mapping
from typing import Any

from study.studies.declaration import Arm, Claim, Pair
from trainables.configuration import Configuration
from trainables.evaluation import BOTH_F1, F1_AT_TRAINING_PREVALENCE

FINAL, NONE = "final BN", "none"
WEIGHTED_LOSS, ADJUSTED, COMBINED = "weighted loss", "logit adjustment", "final BN + weighted loss"
FINAL_NORM = {"network.final_norm": "batch"}
WEIGHTED = {"loss.class_weights": "inverse"}
LOGIT_ADJUSTED = {"loss.logit_adjustment": 1.0}


def leaves(plant: str, **changes: Any) -> Configuration:
    """Returns a plant's 1000/10 protocol: ResNet-34, ImageNet weights, frozen, K21 head, one-cycle with peak 1e-2.

    Open choices: 224 pixels, ImageNet normalisation, AdamW, 10 epochs, batch 64. Keyword arguments are fields with
    "__" for the dot.
    """
    base = {
        "data.source": f"plantvillage:{plant}",
        "data.minority": "unhealthy",
        "data.majority": "healthy",
        "data.image_size": 224,
        "network.name": "resnet34",
        "network.weights": "imagenet",
        "network.trainable": "head",
        "optimiser.learning_rate": 1e-2,
        "schedule.epochs": 10,
        "schedule.learning_rate_shape": "one-cycle",
    }
    return Configuration().replace(base | {name.replace("__", "."): value for name, value in changes.items()})


def unfrozen(configuration: Configuration, trainable: str) -> Configuration:
    """Returns it with backbone layers that train: peak learning rate 1e-3 for everything."""
    return configuration.replace({"network.trainable": trainable, "optimiser.learning_rate": 1e-3})


def arm_in(cell: str, method: str, configuration: Configuration, published: Mapping[str, float] | None = None) -> Arm:
    """Returns the arm "<cell>, <method>", or "<method>" in a study that is not divided into cells."""
    return Arm(f"{cell}, {method}" if cell else method, configuration, published or {}, cell, method)


def compare(
    cell: str, base: Configuration, published: Mapping[str, Mapping[str, float]] | None = None
) -> tuple[list[Arm], Pair]:
    """Returns the arms "<cell>, none" and "<cell>, final BN" of a base configuration, and their pair.

    Args:
        cell: what tells the pair from others; "" where there is one only.
        base: without a final norm.
        published: {"none" | "final BN": {metric: the paper's number}}.
    """
    numbers = published or {}
    control = arm_in(cell, NONE, base, numbers.get(NONE))
    treated = arm_in(cell, FINAL, base.replace(FINAL_NORM), numbers.get(FINAL))
    return [control, treated], Pair(cell or FINAL, treated.name, control.name)


def treated_and_control(pairs: Iterable[Pair]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Returns the treated arms of pairs and their controls, in the same order, as a claim takes them."""
    listed = list(pairs)
    return tuple(pair.treated for pair in listed), tuple(pair.control for pair in listed)


def gain_claims(treated: tuple[str, ...], control: tuple[str, ...], place: str = "") -> tuple[Claim, Claim, Claim]:
    """Returns H0 as K21 says it, of both classes, and at the prevalence of training (P).

    Lifting one class at the cost of the other is no gain; and K21 trains at 1:100 and tests at 1:1, which rewards
    whatever moves the threshold toward balance.

    Args:
        treated: arms with the final BN.
        control: those without, in the same order.
        place: what the claims' names say of where, such as a plant.
    """
    where = place and " " + place
    return (
        Claim(f"H0{where}", "the final BN lifts the minority F1", "gain", treated, control),
        Claim(f"H0 both{where}", "it lifts the mean F1 of both classes", "gain", treated, control, BOTH_F1),
        Claim(
            f"P{where}",
            "it lifts the minority F1 where the rare class is as rare as in training",
            "gain",
            treated,
            control,
            F1_AT_TRAINING_PREVALENCE,
        ),
    )


def removal_claims(treated: tuple[str, ...], control: tuple[str, ...], place: str = "") -> tuple[Claim, Claim]:
    """Returns H1a and H1b, which say what K21 sec. 4.1 does of removing the final BN at inference; as `gain_claims`."""
    where = place and " " + place
    return (
        Claim(f"H1a{where}", "removed at inference it keeps half of the gain in mean F1", "removal", treated, control),
        Claim(f"H1b{where}", "and the majority's F1 loses at most 0.05 by that", "keeps", treated, control),
    )
