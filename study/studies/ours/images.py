"""Somebody's own images: does a final BN help with a rare class, and more than simple class weights?"""

from itertools import product
from typing import Any

from study.studies.arms import (
    ADJUSTED,
    COMBINED,
    FINAL,
    FINAL_NORM,
    LOGIT_ADJUSTED,
    NONE,
    WEIGHTED,
    WEIGHTED_LOSS,
    gain_claims,
    leaves,
    removal_claims,
)
from study.studies.declaration import Arm, Claim, Pair, Study
from trainables.configuration import FOLDER

UNNAMED = f"{FOLDER}{'0' * 16}"  # stands for the folder that --data names
RATES = (1e-3, 3e-3)
SHARE = 0.2  # of every class, for validation and again for test


def images() -> Study:
    """Claim: one final BN lifts the minority F1 on these images, and more than a weighted loss does.

    The natural imbalance (or `--ratio`), 60 % of every class for training, 20 % validation, 20 % test, drawn anew by
    every seed. Frozen ResNet-18 with ImageNet weights, K21 head, one-cycle, 10 epochs, batch 64, each arm at two peak
    learning rates: on frozen features the gain depends on it. Arms none, weighted loss, logit-adjusted loss, final BN,
    final BN with a weighted loss.
    Cost: 10 arms x 10 seeds, with features a few minutes for 2000 images.
    `python -m study.grid images --data folder:PATH --minority NAME --export`
    """
    base = leaves("Apple").replace(
        {
            "data.source": UNNAMED,
            "data.minority": "rare",
            "data.majority": "others",
            "network.name": "resnet18",
            "data.train_majority": "all",
            "data.train_minority": "all",
            **{
                f"data.{part}_{role}": SHARE for part, role in product(("validation", "test"), ("majority", "minority"))
            },
        }
    )
    methods: dict[str, dict[str, Any]] = {
        NONE: {},
        WEIGHTED_LOSS: WEIGHTED,
        ADJUSTED: LOGIT_ADJUSTED,
        FINAL: FINAL_NORM,
        COMBINED: {**FINAL_NORM, **WEIGHTED},
    }
    arms: list[Arm] = []
    pairs = []
    for rate in RATES:
        at_rate = base.replace({"optimiser.learning_rate": rate})
        arm_of = {
            method: Arm(f"{method}, rate {rate:g}", at_rate.replace(changes), method=method)
            for method, changes in methods.items()
        }
        arms += arm_of.values()
        pairs += [
            Pair(f"rate {rate:g}", arm_of[FINAL].name, arm_of[NONE].name),
            Pair(f"weighted loss, rate {rate:g}", arm_of[COMBINED].name, arm_of[WEIGHTED_LOSS].name),
        ]

    def at_all_rates(method: str) -> tuple[str, ...]:
        return tuple(arm.name for arm in arms if arm.method == method)

    none, weighted, adjusted, final, together = (at_all_rates(method) for method in methods)
    return Study(
        name="images",
        source="your images",
        title="does a final BN help with the rare class of your own images?",
        arms=tuple(arms),
        pairs=tuple(pairs),
        claims=(
            *gain_claims(final, none)[:2],  # the test images are as imbalanced as the folder
            Claim("H0 weighted", "it lifts it more than a weighted loss does", "gain", final, weighted),
            Claim("H0 adjusted", "it lifts it more than a logit-adjusted loss does", "gain", final, adjusted),
            Claim("weighted", "a weighted loss lifts the minority F1", "gain", weighted, none),
            Claim("both", "both together lift it more than a weighted loss alone", "gain", together, weighted),
            *removal_claims(final, none),
        ),
    )
