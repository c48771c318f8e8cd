"""The embedded default: K21's factorial on data that needs no download."""

from itertools import product

from study.studies.arms import gain_claims, removal_claims
from study.studies.declaration import Arm, Claim, Pair, Study
from trainables.configuration import Configuration

# One line per factor of K21 Table 2: name, what switching it on changes.
FACTORS: dict[str, dict[str, str | float]] = {
    "final BN": {"network.final_norm": "batch"},
    "weighted loss": {"loss.class_weights": "inverse"},
    "augmentation": {"augmentation.transform": "digits"},
    "mixup": {"augmentation.mixup_alpha": 0.4},
    "weight decay": {"optimiser.weight_decay": 1e-2},
}


def digits() -> Study:
    """Claim: one final BN lifts the minority F1 (K21 sec. 3.2), and can be removed at inference (K21 H1, Table 4).

    scikit-learn's 8x8 digits, "8" against all others, 1000/10 for training, 150/7 validation, 150/150 test; dense 128,
    AdamW 1e-3, 30 epochs, batch 64. All combinations of five factors (UF needs a pretrained backbone): 32 arms. The
    paper has no numbers for these data; its analogue is Apple, F1 0.29 -> 0.96 (Table 1).
    Cost: 320 runs, about 2 CPU minutes. `python -m study.grid digits`
    """
    arms = []
    for switches in product((False, True), repeat=len(FACTORS)):
        on = [name for name, switch in zip(FACTORS, switches, strict=True) if switch]
        changes = {path: value for name in on for path, value in FACTORS[name].items()}
        arms.append(Arm(" + ".join(on) or "plain", Configuration().replace(changes)))
    without = [arm.name for arm in arms if arm.configuration.network.final_norm == "none"]
    pairs = [Pair(name, "final BN" if name == "plain" else f"final BN + {name}", name) for name in without]
    return Study(
        name="digits",
        source="this project; K21 Table 2 without UF",
        title="8 against all other digits of scikit-learn, 1000/10, dense network: five factors",
        arms=tuple(arms),
        pairs=tuple(pairs),
        seconds_per_run=0.7,
        claims=(
            *gain_claims(("final BN",), ("plain",)),
            Claim(
                "H0 weighted", "it lifts it more than a weighted loss does", "gain", ("final BN",), ("weighted loss",)
            ),
            Claim("H0 best", "the final BN alone is the best of all arms", "best", ("final BN",)),
            *removal_claims(("final BN",), ("plain",)),
        ),
    )
