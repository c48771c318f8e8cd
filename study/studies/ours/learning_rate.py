"""Where the gain lives: none, weighted loss and final BN over six learning rates."""

from study.studies.arms import FINAL, FINAL_NORM, NONE, WEIGHTED, leaves
from study.studies.declaration import Arm, Claim, Pair, Study
from trainables.configuration import Configuration

RATES = (1e-4, 3e-4, 1e-3, 3e-3, 1e-2, 3e-2)
METHODS = {NONE: {}, "weighted loss": WEIGHTED, FINAL: FINAL_NORM}


def learning_rate() -> Study:
    """Claim: none of the paper's; it compares arms at one learning rate, this asks at which the gain is there.

    Digits (dense, constant rate, 30 epochs; 1000/10 and 1000/17, all the "8"s there are) and frozen Apple (one-cycle
    with that peak, 10 epochs; 1000/10 and 1000/50), batch 64, 10 seeds, rates 1e-4 to 3e-2.
    Cost: 72 arms x 10 seeds, with features about 15 CPU minutes. `python -m study.grid learning-rate`
    """
    arms: list[Arm] = []
    pairs, claims = [], []
    for data, base in (("digits", Configuration()), ("Apple", leaves("Apple"))):
        for count in (10, 50) if data == "Apple" else (10, 17):
            cell = f"{data}, {count} per 1000"
            for rate in RATES:
                at_rate = base.replace({"data.train_minority": count, "optimiser.learning_rate": rate})
                arm_of = {
                    method: Arm(f"{cell}, rate {rate:g}, {method}", at_rate.replace(changes), cell=cell, method=method)
                    for method, changes in METHODS.items()
                }
                arms += arm_of.values()
                pairs.append(Pair(f"{cell}, rate {rate:g}", arm_of[FINAL].name, arm_of[NONE].name))
                if count == 10:
                    sentence = "the final BN lifts the minority F1 at this rate"
                    treated, control = (arm_of[FINAL].name,), (arm_of[NONE].name,)
                    claims.append(Claim(f"rate {rate:g} ({data})", sentence, "gain", treated, control))
    return Study(
        name="learning-rate",
        source="this project",
        title="none, weighted loss and final BN over six learning rates",
        arms=tuple(arms),
        pairs=tuple(sorted(pairs, key=lambda pair: pair.name != "digits, 10 per 1000, rate 0.001")),
        seconds_per_run=1,
        claims=tuple(claims),
    )
