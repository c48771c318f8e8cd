"""K21 Table 2 and K20: all combinations of six factors, 64 configurations."""

from itertools import product

from study.studies.arms import gain_claims, leaves, unfrozen
from study.studies.declaration import Arm, Claim, Pair, Study
from trainables.evaluation import MAJORITY_F1, MINORITY_F1

FINAL, UNFROZEN = "final BN", "UF"
# One line per factor: name, what switching it on changes; UF changes what trains, and with it the learning rate.
FACTORS: dict[str, dict[str, str | float]] = {
    FINAL: {"network.final_norm": "batch"},
    "weighted loss": {"loss.class_weights": "inverse"},
    "augmentation": {"augmentation.transform": "leaves"},
    "mixup": {"augmentation.mixup_alpha": 0.4},
    UNFROZEN: {},
    "weight decay": {"optimiser.weight_decay": 1e-2},
}
# Table 2's best epochs: configuration 31, 23, 20
PUBLISHED = {
    "final BN": {MINORITY_F1: 0.9481, MAJORITY_F1: 0.9518},
    "final BN + augmentation": {MINORITY_F1: 0.9452, MAJORITY_F1: 0.9481},
    "final BN + augmentation + UF + weight decay": {MINORITY_F1: 0.9404, MAJORITY_F1: 0.9460},
}


def factorial() -> Study:
    """Claim: the final BN alone (configuration 31) is the best of the 64 (K21 sec. 3.2, Table 2).

    Apple 1000/10, ResNet-34, 10 epochs, batch 64, 10 seeds; UF = the backbone's BN layers train. Printed F1 unhealthy
    of 31, 23, 20: 0.9481, 0.9452, 0.9404 (best epoch, it seems by test; ours is the last epoch, best ones are
    recorded beside it).
    Cost: 64 arms x 10 seeds; 8 arms train on features, 56 need the backbone: about 15 GPU hours.
    `python -m study.grid factorial`
    """
    arms = []
    for switches in product((False, True), repeat=len(FACTORS)):
        on = [name for name, switch in zip(FACTORS, switches, strict=True) if switch]
        configuration = unfrozen(leaves("Apple"), "batchnorm") if UNFROZEN in on else leaves("Apple")
        changes = {path: value for name in on for path, value in FACTORS[name].items()}
        name = " + ".join(on) or "plain"
        arms.append(Arm(name, configuration.replace(changes), PUBLISHED.get(name, {})))
    without = [arm.name for arm in arms if arm.configuration.network.final_norm == "none"]
    return Study(
        name="factorial",
        source="K21 Table 2, K20",
        title="all combinations of six factors, Apple",
        arms=tuple(arms),
        pairs=tuple(Pair(name, FINAL if name == "plain" else f"{FINAL} + {name}", name) for name in without),
        claims=(
            *gain_claims((FINAL,), ("plain",)),
            Claim("H0 weighted", "it lifts it more than a weighted loss does", "gain", (FINAL,), ("weighted loss",)),
            Claim("H0 best", "the final BN alone is the best of the 64", "best", (FINAL,)),
        ),
    )
