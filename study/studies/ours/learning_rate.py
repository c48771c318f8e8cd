"""Where the gain lives: none, weighted loss and final BN over six learning rates."""

from study.studies.arms import FINAL, FINAL_NORM, NONE, WEIGHTED, leaves
from study.studies.declaration import Arm, Claim, Pair, Study
from trainables.configuration import Configuration

RATES = (1e-4, 3e-4, 1e-3, 3e-3, 1e-2, 3e-2)
ARMS = {NONE: {}, "weighted loss": WEIGHTED, FINAL: FINAL_NORM}


def learning_rate() -> Study:
    """Claim: none of the paper's; it compares arms at one learning rate, this asks at which the gain is there.

    Digits (dense, constant rate, 30 epochs; 1000/10 and 1000/17, all the "8"s there are) and frozen Apple (one-cycle
    with that peak, 10 epochs; 1000/10 and 1000/50), batch 64, 10 seeds, rates 1e-4 to 3e-2.
    Cost: 72 arms x 10 seeds, with features about 15 CPU minutes. `python -m study.grid learning-rate`
    """
    arms, pairs = [], []
    for data, base in (("digits", Configuration()), ("Apple", leaves("Apple"))):
        for count in (10, 50) if data == "Apple" else (10, 17):
            for rate in RATES:
                cell = f"{data}, {count} per 1000, rate {rate:g}"
                its = base.replace({"data.train_minority": count, "optimiser.learning_rate": rate})
                arms += [Arm(f"{cell}, {label}", its.replace(changes)) for label, changes in ARMS.items()]
                pairs.append(Pair(cell, f"{cell}, {FINAL}", f"{cell}, {NONE}"))
    claims = [
        Claim(f"rate {pair.name.split(', rate ')[1]} ({pair.name.split(',')[0]})",
              "the final BN lifts the minority F1 at this rate", "gain", (pair.treated,), (pair.control,))
        for pair in pairs
        if "10 per 1000" in pair.name
    ]  # fmt: skip
    return Study(
        name="learning-rate",
        source="this project",
        title="none, weighted loss and final BN over six learning rates",
        arms=tuple(arms),
        pairs=tuple(sorted(pairs, key=lambda pair: pair.name != "digits, 10 per 1000, rate 0.001")),
        seconds_per_run=1,
        claims=tuple(claims),
    )
