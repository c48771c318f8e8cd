"""Y19 eq. 13, left open there: class-balanced weights with standard and weighted batch normalization."""

from study.studies.arms import treated_and_control
from study.studies.declaration import Arm, Claim, Pair, Study
from study.studies.y19.weighted_bn import ACCURACY, PROBLEMS, problem, with_norms

BETAS = (0.9, 0.99, 0.999, 0.9999)
NORMS = {"sBN": "standard", "pBN": "weighted"}


def class_balanced_bn() -> Study:
    """Claim: weighted BN also helps with the weights of the class-balanced loss (Y19 sec. 5, announced, not tried).

    As `weighted-bn`, with w = (1 - beta) / (1 - beta^N_k), beta 0.9 to 0.9999, rescaled to mean 1 over the training
    images: the raw weights fall below 1 / batch for large beta, and eq. 12 divides by Z_r - 1. No printed numbers.
    Cost: 24 arms x 10 seeds, about 55 CPU minutes. `python -m study.grid class-balanced-bn`
    """
    arms: list[Arm] = []
    pairs, claims = [], []
    for name in PROBLEMS:
        for beta in BETAS:
            base = problem(name).replace({"loss.class_weights": "effective", "loss.beta": beta})
            arm_of = {}
            for label, norm in NORMS.items():
                method = f"beta {beta:g}, {label}"
                arm_of[norm] = Arm(f"({name}) {method}", with_norms(base, norm), cell=f"({name})", method=method)
            arms += arm_of.values()
            pairs.append(Pair(f"({name}) beta {beta:g}", arm_of["weighted"].name, arm_of["standard"].name))
        treated, control = treated_and_control(pairs[-len(BETAS) :])
        sentence = "weighted BN beats standard BN, mean over beta"
        claims.append(Claim(f"Y1 ({name})", sentence, "gain", treated, control, ACCURACY))
    return Study(
        name="class-balanced-bn",
        source="Y19 eq. 13",
        title="class-balanced weights with standard and weighted batch norm, MNIST",
        arms=tuple(arms),
        pairs=tuple(pairs),
        seconds_per_run=14,
        claims=tuple(claims),
    )
